import { createHash } from 'node:crypto';
import { Refusal, refusalOf } from './refusal.ts';
import type { Answer } from './resources.ts';

/** Reads a resource by its path. */
export interface Source {
  read(path: string): Promise<Answer>;
  isSeldom(path: string): boolean;
}

/** So many pages may be open at once. */
const MOST_VIEWERS = 500;
/** A stream ends by itself, and a page that is still looked at asks for another: a closed laptop costs nothing after this. */
const STREAM_MS = 60_000;
/** What changes seldom is read in every so manieth turn. */
const SELDOM = 15;

interface Watched {
  readonly viewers: Set<Viewer>;
  message: string | undefined;
  id: string | undefined;
}

interface Viewer {
  send(message: string): void;
  close(): void;
}

/**
 * One poll of the database for all viewers: what several look at is read once a turn, and told to them when it has changed. While
 * nobody looks, nothing is read.
 */
export class Feed {
  readonly #source: Source;
  readonly #pollMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #reading = new Map<string, Promise<Answer>>();
  #overview: { readonly answer: Answer; readonly atMs: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;
  #isTurning = false;
  #isClosed = false;

  constructor(source: Source, pollMs: number, onError: (error: unknown) => void) {
    this.#source = source;
    this.#pollMs = pollMs;
    this.#onError = onError;
  }

  /** How many pages are looked at. */
  get viewers(): number {
    return [...this.#watched.values()].reduce((sum, { viewers }) => sum + viewers.size, 0);
  }

  /** How many turns have read something. */
  get turns(): number {
    return this.#turn;
  }

  /** What several ask for at once is read once; the overview, which everybody looks at, once a turn. */
  read(path: string): Promise<Answer> {
    const isOverview = path === 'overview';
    const last = this.#overview;
    if (isOverview && last && performance.now() - last.atMs < this.#pollMs)
      return Promise.resolve(last.answer);
    const running = this.#reading.get(path);
    if (running) return running;
    const reading = this.#source
      .read(path)
      .then((answer) => {
        if (isOverview) this.#overview = { answer, atMs: performance.now() };
        return answer;
      })
      .finally(() => this.#reading.delete(path));
    this.#reading.set(path, reading);
    return reading;
  }

  /** Server-sent events: the resource now, unless the reader has it, and whenever it has changed. */
  stream(path: string, lastId: string | null): Response {
    if (this.#isClosed) throw new Refusal(503, 'the console stops');
    if (this.viewers >= MOST_VIEWERS)
      throw new Refusal(503, `${MOST_VIEWERS} pages are open already: close one`);
    const encoder = new TextEncoder();
    let stop = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        let isOver = false;
        const viewer: Viewer = {
          // One that does not read gets the newest when it does.
          send: (message) => {
            if (!isOver && (controller.desiredSize ?? 0) > -4) controller.enqueue(encoder.encode(message));
          },
          close: () => {
            if (isOver) return;
            stop();
            controller.close();
          },
        };
        const timer = setTimeout(() => viewer.close(), STREAM_MS);
        stop = () => {
          isOver = true;
          clearTimeout(timer);
          this.#leave(path, viewer);
        };
        viewer.send(`retry: ${this.#pollMs}\n\n`);
        this.#join(path, viewer, lastId);
      },
      cancel: () => stop(),
    });
    return new Response(body, {
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      },
    });
  }

  /** Something was done: everything that is looked at is read now. */
  refresh(): void {
    this.#overview = undefined;
    if (this.#watched.size > 0) this.#schedule(0);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const { viewers } of this.#watched.values()) for (const viewer of [...viewers]) viewer.close();
  }

  #join(path: string, viewer: Viewer, lastId: string | null): void {
    const watched = this.#watched.get(path) ?? { viewers: new Set(), message: undefined, id: undefined };
    this.#watched.set(path, watched);
    watched.viewers.add(viewer);
    if (watched.message !== undefined) {
      if (watched.id !== lastId) viewer.send(watched.message);
    } else void this.#tell(path, watched);
    if (!this.#timer && !this.#isTurning) this.#schedule(this.#pollMs);
  }

  #leave(path: string, viewer: Viewer): void {
    const watched = this.#watched.get(path);
    watched?.viewers.delete(viewer);
    if (watched?.viewers.size === 0) this.#watched.delete(path);
    if (this.#watched.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#poll(), ms);
  }

  async #poll(): Promise<void> {
    this.#timer = undefined;
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#turn++;
    for (const [path, watched] of [...this.#watched]) {
      if (this.#source.isSeldom(path) && this.#turn % SELDOM !== 0) continue;
      if (watched.viewers.size > 0) await this.#tell(path, watched);
    }
    this.#isTurning = false;
    if (this.#watched.size > 0 && !this.#isClosed) this.#schedule(this.#pollMs);
  }

  async #tell(path: string, watched: Watched): Promise<void> {
    const message = await this.read(path).then(
      ({ data }) => ({ event: 'data', text: JSON.stringify(data) }),
      (error: unknown) => {
        const { status, message: line } = refusalOf(error);
        if (status >= 500) this.#onError(error);
        return { event: 'failure', text: JSON.stringify({ error: line }) };
      },
    );
    const id = createHash('sha256')
      .update(message.event)
      .update(message.text)
      .digest('base64url')
      .slice(0, 16);
    if (id === watched.id) return;
    watched.id = id;
    watched.message = `id: ${id}\nevent: ${message.event}\ndata: ${message.text}\n\n`;
    for (const viewer of watched.viewers) viewer.send(watched.message);
  }
}
