/** A component of the demo as a child process. Its standard input ends with the demo, so it cannot outlive it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export type ChildState = 'starting' | 'running' | 'killed' | 'stopped' | 'failed';

/** One replica of a component. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly state: ChildState;
  /** Resolves with a field of the first log line that has this message. */
  logged(message: string, field: string): Promise<string>;
  /** SIGKILL: as if the power had gone. */
  kill(): void;
  /** SIGTERM, and SIGKILL when that takes much longer than the grace time. Resolves when it is gone. */
  stop(graceMs: number): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  /** The program with its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly logPath: string;
  /** It ended, and nobody here had stopped or killed it. */
  readonly onEnded: (child: Child, ending: Ending) => void;
}

export interface Ending {
  /** The signal or exit code, and its last words. */
  readonly why: string;
  readonly isKill: boolean;
  /** It had come up before. */
  readonly wasUp: boolean;
}

export function startChild(options: ChildOptions): Child {
  const [program, ...args] = options.command;
  // A process group of its own: Ctrl-C reaches the demo alone, which then stops them in order.
  const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];
  const child = spawn(program, args, { env: options.env, stdio, detached: true });
  return new ChildHandle(child, options);
}

class ChildHandle implements Child {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #listeners = new Set<() => void>();
  #lastWords = '';
  #state: ChildState = 'starting';

  constructor(child: ChildProcess, { name, logPath, onEnded }: ChildOptions) {
    this.name = name;
    this.#child = child;
    // A replica that was started again goes on in its predecessor's log.
    const log = createWriteStream(logPath, { flags: 'a' });
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      log.write(`${line}\n`);
      this.#read(line);
    });
    createInterface({ input: child.stderr as Readable }).on('line', (line) => {
      log.write(`${line}\n`);
      this.#lastWords = line;
    });
    // It may die while we write.
    child.stdin?.on('error', () => {});
    this.#exited = new Promise((resolve) => {
      const ended = (why: string) => {
        if (this.#isUp()) {
          const isKill = why === 'SIGKILL';
          const wasUp = this.#state === 'running';
          this.#state = isKill ? 'killed' : 'failed';
          onEnded(this, { why: `${why}${this.#lastWords && `: ${this.#lastWords}`}`, isKill, wasUp });
        }
        for (const listener of this.#listeners) listener();
        log.end();
        resolve();
      };
      child.once('error', (error) => ended(error.message));
      child.once('close', (code, signal) => ended(signal ?? `exit code ${code}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get state(): ChildState {
    return this.#state;
  }

  logged(message: string, field: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const line = this.#lines.find((candidate) => candidate['msg'] === message);
        if (!line && this.#isUp()) return;
        this.#listeners.delete(look);
        if (line) resolve(String(line[field]));
        else reject(new Error(`${this.name} ended: ${this.#lastWords || 'it said nothing'}`));
      };
      this.#listeners.add(look);
      look();
    });
  }

  kill(): void {
    if (!this.#isUp()) return;
    this.#state = 'killed';
    this.#child.kill('SIGKILL');
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#isUp()) {
      this.#state = 'stopped';
      this.#child.kill('SIGTERM');
    }
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs + 2_000);
    await this.#exited;
    clearTimeout(timer);
  }

  #isUp(): boolean {
    return this.#state === 'starting' || this.#state === 'running';
  }

  #read(line: string): void {
    if (!line.startsWith('{') || this.#lines.length >= 100) return;
    try {
      const entry = JSON.parse(line) as Record<string, unknown>;
      if (entry['msg'] === 'started' && this.#state === 'starting') this.#state = 'running';
      this.#lines.push(entry);
    } catch {
      return; // Half a line: it was killed while writing.
    }
    for (const listener of this.#listeners) listener();
  }
}
