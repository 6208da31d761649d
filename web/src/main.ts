/** Assembles the page: reads its URL, makes the three panels and connects them. */
import { element, showAlert } from "./dom.ts";
import { LivePanel } from "./live/panel.ts";
import { currentAddress, parseRelay, readParameters } from "./parameters.ts";
import { PublishPanel } from "./publish/panel.ts";
import { WatchPanel } from "./watch/panel.ts";

const page = new URL(location.href);
const { target, watch, publish, name, problems } = readParameters(page);

const watching = new WatchPanel({
  target,
  onCurrent: (current) => {
    live.setCurrent(current);
    history.replaceState(null, "", currentAddress(new URL(location.href), current));
  },
});
const live = new LivePanel({
  target,
  onChoose: (chosen) => {
    watching.watch(chosen);
    element("watch-screen", HTMLDivElement).scrollIntoView({ block: "nearest" });
  },
});
const publishing = new PublishPanel({ target, name });

const relayUrl = element("relay-url", HTMLInputElement);
const relayTransport = element("relay-transport", HTMLSelectElement);
element("relay-name", HTMLSpanElement).textContent = target.url.host;
relayUrl.value = target.url.href;
relayTransport.value = target.transport;
element("relay-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const url = parseRelay(relayUrl.value);
  if (!url) return;
  const next = new URL(page.pathname, page);
  if (url.href !== new URL("/", page).href) next.searchParams.set("url", url.href);
  if (relayTransport.value !== "auto") next.searchParams.set("transport", relayTransport.value);
  location.assign(next);
});

if (problems.length > 0) showAlert(element("page-error", HTMLParagraphElement), problems.join(" "));
if (publish) void publishing.start(publish);
if (watch !== undefined) watching.watch(watch);
