import type { StepProgress } from '../../sync/index.ts';
import { Bars } from './bars.ts';

const WIDTH = 24;

/** Tells on stderr how far the steps of something are: bars on a terminal, elsewhere one line for each that ends. */
export class Steps implements Disposable {
  readonly #bars: Bars | undefined;
  readonly #told = new Set<string>();

  static async begin(): Promise<Steps> {
    return new Steps(process.stderr.isTTY ? await Bars.on(process.stderr, WIDTH) : undefined);
  }

  private constructor(bars: Bars | undefined) {
    this.#bars = bars;
  }

  readonly show = ({ code, message, done, total, state }: StepProgress): void => {
    if (this.#bars) this.#bars.show(message, done, total);
    else if (state === 'completed' && !this.#told.has(code)) {
      this.#told.add(code);
      process.stderr.write(`${message}: ${done}\n`);
    }
  };

  [Symbol.dispose](): void {
    this.#bars?.stop();
  }
}
