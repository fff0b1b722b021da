import type { DynamicPart } from '../../query/index.ts';
import type { SourceQuery } from './query-file.ts';

/** A parameter as the file writes it. Its type comes from the engine later. */
export interface SourceParameter {
  /**
   * As written (`session_id`), or undefined for a bare `$1`. `user.name` is a field of an object, `users[].name` of each
   * object of a list.
   */
  readonly name: string | undefined;
  /** Asked for by `sqlc.narg`: null may be passed whatever the engine proves. */
  readonly nullable: boolean;
  /** The author says that it is never null (`:name!`). */
  readonly required?: boolean | undefined;
  /** Used in optional parts only. */
  readonly optional?: boolean | undefined;
  /** Offset of its first use in the file. */
  readonly at: number;
}

/** A statement in the engine's own words, with the way back to the file. */
export interface EngineQuery {
  readonly source: SourceQuery;
  /** Parameters are $1, $2, ...; comments and alias marks are gone. */
  readonly text: string;
  /** In order of number. */
  readonly params: readonly SourceParameter[];
  /** Output columns marked by the author: `"name!"` is never null, `"name?"` may be. */
  readonly marks: ReadonlyMap<string, AliasMark>;
  /** Offsets in `text` of the stars that came from `sqlc.embed(table)`. */
  readonly embeds: ReadonlyMap<number, string>;
  /** Where lists of rows stand, written as one row each until the engine has said what its types are. */
  readonly spreads: readonly Spread[];
  /** The pieces of a query with optional parts. */
  readonly parts: readonly DynamicPart[] | undefined;
  /** Offset in the file of an offset in `text`. */
  readonly toSource: (offset: number) => number;
  /** Set for a :claim or :finish, which `text` wraps. */
  readonly work?: WorkPart;
}

/** A list of rows: `VALUES ($1, $2)`, or the row in `IN (($1, $2))`, between two offsets of the text. */
export interface Spread {
  readonly from: number;
  readonly to: number;
  /** Numbers of the parameters that are its fields. */
  readonly params: readonly number[];
}

export interface AliasMark {
  readonly nullable: boolean;
  readonly at: number;
}

/** A `:claim`, `:step` or `:finish` as its author wrote it, inside of the statement that the engine judges. */
export interface WorkPart {
  readonly command: 'claim' | 'step' | 'finish';
  readonly kind: string;
  readonly text: string;
  /** The LIMIT of a :claim whose SELECT has none of its own. */
  readonly limit: number | undefined;
}
