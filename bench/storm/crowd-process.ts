import { fileURLToPath } from "node:url";
import { AnsweringChild } from "../system/answering-child.ts";
import { type Answer, type Order, readAnswer } from "./crowd/messages.ts";

const PROGRAM = fileURLToPath(new URL("crowd/main.ts", import.meta.url));

/** The process of those who come. */
export class CrowdProcess extends AnsweringChild<Order, Answer> {
  constructor(cores: readonly number[] | undefined) {
    super({ name: "the crowd", command: [process.execPath, PROGRAM], cores }, readAnswer);
  }
}
