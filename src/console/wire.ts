/** What the server sends to its pages. */
import type { ActionField, ColumnLook, Drawing, ListColumn, ListFilter, Offer } from '../faces/index.ts';

export type { ActionField, ColumnLook, Drawing, ListColumn, ListFilter, Offer };

/** A time stays apart from texts that look like one. */
export interface SentTime {
  readonly time: string;
}
export type SentValue = string | number | boolean | null | SentTime;
export type SentValues = Readonly<Record<string, SentValue>>;

export interface SentList {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly face: string;
  readonly columns: readonly ListColumn[];
  readonly filters: readonly ListFilter[];
}

export interface SentAction {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly fields: readonly ActionField[];
}

/** `api/console`: what there is, and who is asking. */
export interface SentConsole {
  readonly lists: readonly SentList[];
  /** Empty: the console was started without actions. */
  readonly actions: readonly SentAction[];
  readonly author: string;
  readonly csrf: string;
  readonly database: string;
}

export interface SentRow {
  readonly values: SentValues;
  readonly offers: readonly Offer[];
}

/** `api/lists/ID` */
export interface SentPage {
  readonly rows: readonly SentRow[];
  readonly next: string | null;
}

export interface SentFinding {
  readonly state: string;
  readonly reason: string;
  readonly subject: string;
  readonly text: string;
}

/** `api/target` */
export interface SentTarget {
  readonly target: string;
  readonly isKnown: boolean;
  readonly state: string;
  readonly verdict: string;
  readonly findings: readonly SentFinding[];
  readonly facts: readonly {
    readonly face: string;
    readonly rows: readonly SentValues[];
    readonly title?: string;
    readonly offers?: readonly Offer[];
    readonly drawings?: readonly string[];
  }[];
}

export interface SentEvent {
  readonly at: SentTime;
  readonly since: SentTime | null;
  readonly subject: string;
  readonly event: string;
  readonly cause: string | null;
  readonly token: string | null;
  readonly sessionId: string | null;
  /** The time line from here on. */
  readonly from: string;
}

/** `api/timeline` */
export interface SentTimeline {
  readonly events: readonly SentEvent[];
  readonly next: string | null;
}

export interface SentProblem {
  readonly state: 'stuck' | 'warning';
  readonly subject: string;
  readonly text: string;
  readonly since: SentTime | null;
  readonly target: string | null;
  readonly list: { readonly id: string; readonly filters: Readonly<Record<string, string>> } | null;
}

/** Values by slot, the oldest first; null: not known. */
export interface SentSeries {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** `api/overview` */
export interface SentOverview {
  readonly problems: readonly SentProblem[];
  /** False: the tables were not read to their end yet. */
  readonly isComplete: boolean;
  readonly kinds: readonly {
    readonly kind: string;
    readonly held: number;
    readonly keptBack: number;
    readonly stuck: number;
    readonly waiting: number | null;
    readonly oldest: SentTime | null;
    readonly ends: number;
    readonly failures: number;
  }[];
  readonly sessions: readonly {
    readonly component: string;
    readonly live: number;
    readonly dead: number;
  }[];
  /** Starts of the slots, in seconds since 1970. */
  readonly slots: readonly number[];
  readonly slotMs: number;
  readonly rates: readonly SentSeries[];
  readonly latencies: readonly SentSeries[];
  readonly backlog: readonly SentSeries[];
}
