import type { GenericFormatter, SingleBar } from 'cli-progress';

const WIDTH = 30;

const format: GenericFormatter = (_options, { value, total, progress }, { name, isKnown }) => {
  const done = Math.round(progress * WIDTH);
  const bar = isKnown ? `${'='.repeat(done)}${'-'.repeat(WIDTH - done)}` : ' '.repeat(WIDTH);
  return `${name} ${bar} ${value}${isKnown ? `/${total}` : ''}`;
};

/** Progress bars, one under another, for a stream that is a terminal. */
export class Bars {
  readonly #width: number;
  readonly #multi: import('cli-progress').MultiBar;
  readonly #bars = new Map<string, SingleBar>();

  /** `width`: of the longest name. */
  static async on(stream: NodeJS.WriteStream, width: number): Promise<Bars> {
    const { MultiBar, Presets } = await import('cli-progress');
    return new Bars(new MultiBar({ stream, hideCursor: true, format }, Presets.legacy), width);
  }

  private constructor(multi: import('cli-progress').MultiBar, width: number) {
    this.#multi = multi;
    this.#width = width;
  }

  /** `total` undefined: nobody knows. */
  show(name: string, done: number, total: number | undefined): void {
    const payload = { name: name.padEnd(this.#width), isKnown: total !== undefined };
    const bar = this.#bars.get(name) ?? this.#multi.create(total ?? 0, 0, payload);
    this.#bars.set(name, bar);
    bar.setTotal(total ?? done);
    bar.update(done, payload);
  }

  /** Shows them as they are now, for good. */
  stop(): void {
    this.#multi.update();
    this.#multi.stop();
  }
}
