import type { ExclusionKey } from '../work/index.ts';
import type { Offer } from './pages.ts';

/**
 * `stuck`: nothing moves it before somebody acts. `progressing`: it is worked on, or goes on by itself. `free`: there is
 * nothing to do, as far as the database tells.
 */
export type TargetState = 'stuck' | 'progressing' | 'free';

/** One thing that is true of a target now. */
export interface Finding {
  readonly state: TargetState;
  /** A stable word for programs, such as `held`, `backoff` or `quarantined`. */
  readonly reason: string;
  /** What it is about: a kind of work, or what a face calls it. */
  readonly subject: string;
  /** For an operator: says who or what, since when and until when, and the cause. */
  readonly text: string;
}

/** Values by name, as a program and a table show them. */
export type Fact = Readonly<Record<string, string | number | bigint | Date | null | undefined>>;

/** Work that a face decides about. */
export interface Wish {
  readonly kind: string;
  /** Whether it waits to be claimed. What does not wait is judged only while a session holds it. */
  readonly waits: boolean;
  /** Default: the target that is explained. */
  readonly target?: string;
  /** The exclusion keys that it is claimed with. */
  readonly exclude?: readonly ExclusionKey[];
  /** Components that carry it out, besides one that is named as the kind. */
  readonly components?: readonly string[];
}

/** What one face knows of a target. */
export interface FacePart {
  /** Of each thing that it keeps for the target, what a person wants to see. None: it does not know the target. */
  readonly facts: readonly Fact[];
  /** What is true, where no work is in question: for example that something failed and waits for an operator. */
  readonly findings?: readonly Finding[];
  /** The work of the target that it decides about; what is in the way of it is found for all faces alike. */
  readonly work?: readonly Wish[];
  /** What people call the target, where its name is an id. */
  readonly title?: string;
  /** What an operator may do about it now. */
  readonly offers?: readonly Offer[];
  /** Names of drawings that `pages.draw` gives. */
  readonly drawings?: readonly string[];
}

/** Something that happened to a target. */
export interface HistoryEvent {
  readonly at: Date;
  /** What it happened to: a kind of work, or what a face calls it. */
  readonly subject: string;
  /** One word, such as `started`, `finished` or `released`. */
  readonly event: string;
  readonly cause?: string | undefined;
  /** Token and session of a claim. */
  readonly token?: bigint | undefined;
  readonly sessionId?: string | undefined;
}
