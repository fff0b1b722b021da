import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process of the tests that talks in lines. Killed when it goes out of scope. */
export class Child implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly #lines: string[] = [];
  readonly #readers: ((line: string | undefined) => void)[] = [];
  #ended = false;

  constructor(script: URL, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.process = spawn(process.execPath, [script.pathname, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.exited = new Promise((resolve) =>
      this.process.once('exit', (code, signal) => resolve(signal ?? code ?? 0)),
    );
    const reader = createInterface({ input: this.process.stdout! });
    reader.on('line', (line) => {
      const waiting = this.#readers.shift();
      if (waiting) waiting(line);
      else this.#lines.push(line);
    });
    reader.on('close', () => {
      this.#ended = true;
      for (const waiting of this.#readers.splice(0)) waiting(undefined);
    });
  }

  /** The next line of its output; throws when there is none left to come. */
  async line(): Promise<string> {
    const line =
      this.#lines.shift() ??
      (this.#ended
        ? undefined
        : await new Promise<string | undefined>((resolve) => this.#readers.push(resolve)));
    if (line === undefined) throw new Error('the process ended without saying more');
    return line;
  }

  /** Sends a line and gives the answer. */
  async ask(command: string): Promise<string> {
    this.process.stdin!.write(`${command}\n`);
    return this.line();
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}
