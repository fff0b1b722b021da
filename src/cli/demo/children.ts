/** The components of the demo as child processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
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

export interface ChildrenOptions {
  /** The program with its first arguments. */
  readonly command: readonly [string, ...string[]];
  readonly logDirectory: string;
  readonly env: NodeJS.ProcessEnv;
  /** A component ended that nobody stopped or killed. */
  readonly onFailure: (error: Error) => void;
}

/** Starts components and keeps them from outliving the demo: their standard input ends with it. */
export class Children {
  readonly #children: ChildHandle[] = [];
  readonly #options: ChildrenOptions;

  constructor(options: ChildrenOptions) {
    this.#options = options;
  }

  get all(): readonly Child[] {
    return this.#children;
  }

  start(name: string, args: readonly string[]): Child {
    const { command, env, logDirectory, onFailure } = this.#options;
    const [program, ...first] = command;
    // A process group of its own: Ctrl-C reaches the demo alone, which then stops them in order.
    const child = spawn(program, [...first, ...args], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const handle = new ChildHandle(name, child, join(logDirectory, `${name}.log`), onFailure);
    this.#children.push(handle);
    return handle;
  }

  async stopAll(graceMs: number): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop(graceMs)));
  }

  /** For the last moment of the process, when nothing can be waited for. */
  killAll(): void {
    for (const child of this.#children) child.kill();
  }
}

class ChildHandle implements Child {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #listeners = new Set<() => void>();
  #lastWords = '';
  #state: ChildState = 'starting';

  constructor(name: string, child: ChildProcess, logPath: string, onFailure: (error: Error) => void) {
    this.name = name;
    this.#child = child;
    const log = createWriteStream(logPath);
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
          this.#state = 'failed';
          onFailure(
            new Error(`${name} ended by itself (${why})${this.#lastWords && `: ${this.#lastWords}`}`),
          );
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
