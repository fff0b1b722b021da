import { AsyncLocalStorage } from 'node:async_hooks';

/** An action, a hook or a body of `alone` that the calling code runs inside of; what an action has left behind is over. */
interface Inside {
  readonly turns: Turns;
  readonly what: 'action' | 'alone';
  readonly outer: Inside | undefined;
  isOver: boolean;
  /** What is called inside of it, one after the other. */
  turn: Promise<unknown>;
}

const inside = new AsyncLocalStorage<Inside>();

/** Who fires next: one after the other, in the order of the calls; those inside of `alone` before those outside. */
export class Turns {
  readonly #refusal: () => Error;
  #turn: Promise<unknown> = Promise.resolve();

  /** `refusal`: for what is called inside of an action, which would wait for itself. */
  constructor(refusal: () => Error) {
    this.#refusal = refusal;
  }

  take<T>(act: () => Promise<T>): Promise<T> {
    let within = inside.getStore();
    while (within && (within.turns !== this || within.isOver)) within = within.outer;
    if (within?.what === 'action') return Promise.reject(this.#refusal());
    const before = within ? within.turn : this.#turn;
    const mine = before.then(act);
    const settled = mine.catch(() => {});
    if (within) within.turn = settled;
    else this.#turn = settled;
    return mine;
  }

  /** Runs `body` so that what it calls is known to come from inside of it. */
  async within<T>(what: 'action' | 'alone', body: () => Promise<T> | T): Promise<T> {
    const mine: Inside = {
      turns: this,
      what,
      outer: inside.getStore(),
      isOver: false,
      turn: Promise.resolve(),
    };
    try {
      return await inside.run(mine, async () => body());
    } finally {
      mine.isOver = true;
    }
  }
}
