import { printable } from "../../../moq/printable.ts";
import { element, showAlert } from "../dom.ts";
import { text } from "./table.ts";
import type { Form, FormField } from "./view.ts";

/** Asks before something cuts people off. Resolves with the reason, which may be empty; undefined for no. */
export async function confirmAction(title: string, question: string, asksReason = true): Promise<string | undefined> {
  element("confirm-title", HTMLHeadingElement).textContent = printable(title);
  element("confirm-text", HTMLParagraphElement).textContent = printable(question);
  const reason = element("confirm-reason", HTMLInputElement);
  reason.value = "";
  element("confirm-why", HTMLLabelElement).hidden = !asksReason;
  return (await answerOf("confirm")) === "yes" ? reason.value.trim() : undefined;
}

/** Shows a form. Resolves with true when it was submitted and its action succeeded, and with false when it was left. */
export async function askForm({ title, note, fields, submit, danger = false, act }: Form): Promise<boolean> {
  const dialog = element("form-dialog", HTMLDialogElement);
  if (dialog.open) return false;
  element("form-title", HTMLHeadingElement).textContent = printable(title);
  element("form-note", HTMLParagraphElement).textContent = printable(note);
  const controls = new Map(fields.map((one) => [one.name, control(one)]));
  const labels = fields.map((one) => {
    const made = text(
      "label",
      one.label,
      one.long === true || one.wide === true || fields.length < 4 ? "field wide" : "field",
    );
    made.append(controls.get(one.name) ?? "");
    return made;
  });
  element("form-fields", HTMLDivElement).replaceChildren(...labels);
  const button = element("form-submit", HTMLButtonElement);
  button.textContent = submit;
  button.classList.toggle("danger", danger);
  const failure = element("form-error", HTMLParagraphElement);
  showAlert(failure, undefined);
  const form = element("form-form", HTMLFormElement);
  const listening = new AbortController();
  let done = false;
  form.addEventListener(
    "submit",
    (event) => {
      if (event.submitter !== button) return;
      event.preventDefault();
      button.disabled = true;
      const values = Object.fromEntries([...controls].map(([name, { value }]) => [name, value.trim()]));
      act(values)
        .then(
          () => {
            done = true;
            dialog.close();
          },
          (error: unknown) => showAlert(failure, error instanceof Error ? error.message : String(error)),
        )
        .finally(() => {
          button.disabled = false;
        });
    },
    { signal: listening.signal },
  );
  await answerOf("form-dialog");
  listening.abort();
  // Nothing that was typed, such as a key, stays in the page.
  element("form-fields", HTMLDivElement).replaceChildren();
  return done;
}

function control({ value = "", placeholder = "", ...field }: FormField) {
  if (field.choices !== undefined) {
    const select = document.createElement("select");
    for (const [one, name] of field.choices) select.append(new Option(name, one));
    select.value = value;
    return select;
  }
  const made = document.createElement(field.long === true ? "textarea" : "input");
  made.value = value;
  made.placeholder = placeholder;
  made.required = field.required === true;
  made.readOnly = field.fixed === true;
  made.spellcheck = false;
  made.setAttribute("autocomplete", "off");
  if (made instanceof HTMLTextAreaElement) made.rows = 6;
  return made;
}

/** Asks for a token. Resolves with it; with an empty text when it shall be forgotten; undefined when nothing shall change. */
export async function askForToken(): Promise<string | undefined> {
  const dialog = element("token-dialog", HTMLDialogElement);
  if (dialog.open) return undefined;
  const value = element("token-value", HTMLInputElement);
  value.value = "";
  const answer = await answerOf("token-dialog");
  const token = value.value.trim();
  value.value = "";
  if (answer === "forget") return "";
  return answer === "yes" && token !== "" ? token : undefined;
}

export function showKeys(): void {
  void answerOf("keys-dialog");
}

/** The value of the button that closed the dialog; empty for Escape. */
async function answerOf(id: string): Promise<string> {
  const dialog = element(id, HTMLDialogElement);
  if (dialog.open) return "";
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue;
}
