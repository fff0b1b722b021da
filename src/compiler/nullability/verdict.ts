/** A verdict and why. `nullable: false` is a proof; `nullable: true` means only that there is none. */
export interface Verdict {
  readonly nullable: boolean;
  readonly reason: string;
}

/** What the prover may assume about the statement's parameters. */
export interface ParameterFacts {
  /** Parameter n (from 1) may be null. */
  nullable(n: number): boolean;
  /** The array that parameter n is may hold NULL. */
  elementsNullable(n: number): boolean;
}

/** Parameters of which nothing is known. */
export const anyParameters: ParameterFacts = { nullable: () => true, elementsNullable: () => true };

export const no = (reason: string): Verdict => ({ nullable: false, reason });
export const yes = (reason: string): Verdict => ({ nullable: true, reason });
