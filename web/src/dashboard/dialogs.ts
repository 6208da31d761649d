import { printable } from "../../../moq/printable.ts";
import { element } from "../dom.ts";

/** Asks before something cuts people off. Resolves with the reason, which may be empty; undefined for no. */
export async function confirmAction(title: string, question: string): Promise<string | undefined> {
  element("confirm-title", HTMLHeadingElement).textContent = printable(title);
  element("confirm-text", HTMLParagraphElement).textContent = printable(question);
  const reason = element("confirm-reason", HTMLInputElement);
  reason.value = "";
  return (await answerOf("confirm")) === "yes" ? reason.value.trim() : undefined;
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
