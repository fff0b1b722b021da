import type { Database } from '../client/index.ts';
import type { Executor } from '../query/index.ts';

/** What a table's cell holds: it is shown as text, whatever it says. */
export type PageValue = string | number | bigint | boolean | Date | null | undefined;

/**
 * How a column is shown. `target` and `session` link to their pages, `time` says how long ago, `state` has a color beside its
 * word, `progress` is `done/total`.
 */
export type ColumnLook = 'text' | 'target' | 'session' | 'time' | 'number' | 'state' | 'progress';

export interface ListColumn {
  readonly name: string;
  /** Default `text`. */
  readonly look?: ColumnLook;
}

/** A filter stands in the address of the page under its name. */
export interface ListFilter {
  readonly name: string;
  readonly label: string;
  /** Default: any text. */
  readonly choices?: readonly string[];
}

/** Something that an operator may do here: an action, and what of its arguments is known. */
export interface Offer {
  readonly action: string;
  readonly args: Readonly<Record<string, string>>;
  /** For fields of the action whose choices are known here. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
}

export interface ListRow {
  /** By column. */
  readonly values: Readonly<Record<string, PageValue>>;
  readonly offers?: readonly Offer[];
}

/** What is asked of a list. */
export interface ListQuery {
  /** By name; what is not given does not matter. */
  readonly filters: Readonly<Record<string, string>>;
  /** The position that the page before gave. Undefined: the first page. */
  readonly after: readonly string[] | undefined;
  /** Most rows. */
  readonly size: number;
}

export interface ListPage {
  readonly rows: readonly ListRow[];
  /** Where the next page begins. Undefined: this was the last one. */
  readonly next?: readonly string[] | undefined;
}

/** A table of what a part of a program keeps. */
export interface FaceList {
  /** In addresses: letters, digits and dashes; no other list has it. */
  readonly id: string;
  readonly title: string;
  /** One line: what stands in it. */
  readonly about: string;
  readonly columns: readonly ListColumn[];
  readonly filters?: readonly ListFilter[];
  /** `seldom`: it changes seldom, and is not read anew all the time. */
  readonly when?: 'seldom';
  /** One page, by index: it costs the same however large the tables are. Throws MisuseError for a position that is none. */
  page(on: Executor, query: ListQuery): Promise<ListPage>;
}

/** A value that an operator gives, besides the reason. */
export interface ActionField {
  readonly name: string;
  readonly label: string;
  readonly choices?: readonly string[];
  readonly isOptional?: boolean;
}

/** Who does it, and why: for the history. */
export interface ActionBy {
  readonly author: string;
  readonly reason: string;
}

/** What an operator can do. */
export interface FaceAction {
  /** Letters, digits and dashes; no other action has it. */
  readonly id: string;
  /** What its button says. */
  readonly title: string;
  /** One line: what it does, for somebody who hesitates. */
  readonly about: string;
  readonly fields?: readonly ActionField[];
  /**
   * Does it, as a program would, and writes down who and why. Gives one line that says what is so now. Throws MisuseError for what
   * does not fit, and what the database throws.
   */
  run(db: Database, args: Readonly<Record<string, string>>, by: ActionBy): Promise<string>;
}

/** What waits of one kind, and what is wrong with it. */
export interface Backlog {
  readonly subject: string;
  /** How much waits; a large number may be cut. */
  readonly waiting: number;
  readonly oldestAt?: Date | undefined;
  /** How much waits for an operator. */
  readonly stuck?: number | undefined;
  /** One of the targets that wait for an operator. */
  readonly example?: string | undefined;
  /** What is wrong, in one line, where it is no number: a kind that is paused. */
  readonly problem?: string | undefined;
  /** The list, and the filters, that show it. */
  readonly list?: { readonly id: string; readonly filters: Readonly<Record<string, string>> } | undefined;
}

/** Something that happened to a target, in a stream that begins with the newest. */
export interface Happening {
  readonly at: Date;
  readonly subject: string;
  readonly event: string;
  readonly cause?: string | undefined;
  readonly token?: bigint | undefined;
  readonly sessionId?: string | undefined;
  /** When what ended at `at` began. */
  readonly since?: Date | undefined;
  /** Where it stands among its like: what comes after it is older. */
  readonly stream: string;
  readonly position: string;
}

/** Positions by stream, as far as a reader has come; none: it begins with the newest. */
export type Positions = Readonly<Record<string, string>>;

/** A state machine with what is so now. */
export interface Drawing {
  readonly states: readonly string[];
  /** Null: the initial state. */
  readonly current: string | null;
  readonly transitions: readonly {
    readonly id: string;
    readonly label: string;
    readonly from: string | null;
    readonly to: string;
    readonly isInFlight: boolean;
  }[];
}

/** What a part of a program brings to the console. */
export interface FacePages {
  readonly lists?: readonly FaceList[];
  readonly actions?: readonly FaceAction[];
  /** What waits, and what is stuck: one statement, by index. */
  backlog?(on: Executor): Promise<readonly Backlog[]>;
  /** What happened to a target, the newest first, from the positions on: one statement, by index. */
  timeline?(on: Executor, target: string, from: Positions, size: number): Promise<readonly Happening[]>;
  /** What a drawing's name in a `FacePart` shows: one statement for what is drawn, by index. Undefined: there is nothing to draw. */
  draw?(on: Executor, target: string, name: string): Promise<Drawing | undefined>;
}
