/** A statement that cannot be resolved without guessing; nothing is proved of it from the tree. */
export class UnresolvedError extends Error {}
