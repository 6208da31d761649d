/**
 * Packages that the bundle does not contain: engines with native code, which install themselves. They stay dependencies of the published
 * package.
 */
export const EXTERNAL: readonly string[] = ["rwebtransport", "@fails-components/webtransport"];
