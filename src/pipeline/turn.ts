/**
 * Tells when a turn of the event loop is over, that is, when timers and sockets had theirs. What stages hold on to, in
 * order to hand it on together, they hold no longer than that.
 */
export class Turn {
  readonly #over: () => void;
  #immediate: NodeJS.Immediate | undefined;

  constructor(over: () => void) {
    this.#over = over;
  }

  /** `over` is called once when this turn is over, however often this is called in it. */
  begin(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#over();
    });
  }

  cancel(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }
}

/** Says of promises, one after another, whether they settle in this turn. */
export class QuickCheck {
  readonly #turn = new Turn(() => this.#answer(false));
  #answer: (isQuick: boolean) => void = () => {};
  readonly #settled = () => this.#answer(true);
  readonly #ask = (answer: (isQuick: boolean) => void) => {
    this.#answer = answer;
  };

  /** Should the promise reject after its turn, that is no unhandled rejection. Not to be asked while it answers. */
  isQuick(running: Promise<unknown>): Promise<boolean> {
    running.then(this.#settled, this.#settled);
    this.#turn.begin();
    return new Promise(this.#ask);
  }

  cancel(): void {
    this.#turn.cancel();
  }
}
