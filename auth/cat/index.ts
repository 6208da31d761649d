/** Common Access Tokens for moq-transport (draft-ietf-moq-c4m-01), and proofs that a client has their key. */
export type { CatTerms } from "./claims.ts";
export { isCborText } from "./cose.ts";
export { presentedTexts } from "./presented.ts";
export { isProof } from "./proof.ts";
export { Proofs, type ProvedRequest } from "./proofs.ts";
export { scopesOfJson, scopesOfPaths } from "./scope-input.ts";
export { MOQT_ACTIONS, type MoqtAction, MoqtScopes, type MoqtTarget } from "./scopes.ts";
export { signCat, signProof } from "./sign.ts";
export { readCatHeader, readCatParts, verifyCat } from "./verify.ts";
