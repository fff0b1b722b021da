import type { Direction, WireMessage } from '../wire/message.ts';

/** What the proxy does to a message that a fault matches. */
export type FaultAction =
  /** Ends the connection before the message is passed on, or `after` it was. */
  | {
      readonly kind: 'cut';
      readonly when: 'before' | 'after';
      /** Whose socket is closed. One side alone leaves the other in the belief that all is well. */
      readonly side: 'both' | 'client' | 'server';
    }
  /** A black hole: this message and all behind it in its direction are held until `release()`. */
  | { readonly kind: 'stall' }
  /** This message, and in its direction what is behind it, arrives so much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The server gets the message and answers; the answer, up to ReadyForQuery, is swallowed, then both sides cut. */
  | { readonly kind: 'drop-reply' }
  /** The message goes on byte by byte. */
  | { readonly kind: 'trickle' }
  /**
   * The statement that begins with this message (Query, Parse or Bind) is replaced by one that fails on the
   * server with this SQLSTATE.
   */
  | { readonly kind: 'refuse'; readonly sqlState: string; readonly message: string }
  /** The server gets the message and carries it out; in the place of its answer comes this error. */
  | { readonly kind: 'misreport'; readonly sqlState: string; readonly message: string };

export const cut = (
  when: 'before' | 'after' = 'before',
  side: 'both' | 'client' | 'server' = 'both',
): FaultAction => ({ kind: 'cut', when, side });
export const stall = (): FaultAction => ({ kind: 'stall' });
export const delay = (ms: number): FaultAction => ({ kind: 'delay', ms });
export const dropReply = (): FaultAction => ({ kind: 'drop-reply' });
export const trickle = (): FaultAction => ({ kind: 'trickle' });
export const refuse = (sqlState: string, message = 'refused by the fault proxy'): FaultAction => ({
  kind: 'refuse',
  sqlState,
  message,
});
/** As CockroachDB does to a commit that is canceled too late: applied, and answered with `57014` or `XXUUU`. */
export const misreport = (sqlState: string, message = 'misreported by the fault proxy'): FaultAction => ({
  kind: 'misreport',
  sqlState,
  message,
});

/** Which messages a fault strikes. */
export interface FaultOptions {
  readonly direction: Direction;
  /**
   * The nth message of the direction from now on (1 is the next), over all connections, or a predicate.
   * Default: every one. Start-up and cancel requests count only when `startup` says so.
   */
  readonly at?: number | ((message: WireMessage) => boolean) | undefined;
  readonly action: FaultAction;
  /** How many times it strikes. Default 1. */
  readonly times?: number | undefined;
  /** Also strike before the connection is ready for its first query. Default false. */
  readonly startup?: boolean | undefined;
}

/** A fault that was put in the proxy. */
export class Fault {
  readonly options: FaultOptions;
  /** Resolves with the message when the fault strikes for the first time. */
  readonly struck: Promise<WireMessage>;
  #resolve!: (message: WireMessage) => void;
  #seen = 0;
  #strikes = 0;
  #removed = false;
  readonly #releases: (() => void)[] = [];

  constructor(options: FaultOptions) {
    this.options = options;
    this.struck = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get strikes(): number {
    return this.#strikes;
  }

  /** Asked for every message; counts. */
  strikesAt(message: WireMessage, ready: boolean, fresh: boolean): boolean {
    const { direction, at, times = 1, startup = false, action } = this.options;
    if (this.#removed || direction !== message.direction || (!ready && !startup)) return false;
    if (action.kind === 'refuse' && !fresh) return false;
    this.#seen++;
    if (this.#strikes >= times) return false;
    const matches = at === undefined || (typeof at === 'number' ? this.#seen === at : at(message));
    if (!matches) return false;
    this.#strikes++;
    this.#resolve(message);
    return true;
  }

  /** No strikes from now on; what it held is let go. */
  remove(): void {
    this.#removed = true;
    this.release();
  }

  /** Lets go what a stall holds. */
  release(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  /** For the proxy: how to end a stall that this fault began. */
  onRelease(release: () => void): void {
    this.#releases.push(release);
  }
}
