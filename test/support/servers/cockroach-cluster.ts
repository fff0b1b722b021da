import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { freePlace } from '../../../src/database/embedded/port.ts';
import { withAdmin } from '../admin.ts';
import { waitFor } from '../wait-for.ts';
import { type CockroachProcess, spawnCockroach } from './cockroach-process.ts';
import { Relay } from './relay.ts';

const NODES = [0, 1, 2] as const;
/** Limits for what hangs; three nodes on a crowded host take their time. */
const START_MS = 240_000;

/**
 * How a node is lost, and comes back: its process dies; it stops, and its connections are silent; it is asked to leave (SIGTERM,
 * by which it drains); its connections to the other nodes are silent and clients still reach it; it is silent to everybody.
 */
export const LOSSES = ['killed', 'stopped', 'drained', 'partitioned', 'unreachable'] as const;
export type Loss = (typeof LOSSES)[number];

interface Node {
  readonly number: number;
  readonly port: number;
  process?: CockroachProcess;
}

/** Where some clients reach the nodes: a relay to each, so that their connections can be counted and cut off. */
export interface Door {
  /** Names every relay as a host. */
  readonly url: string;
  /** Connections that are open to each node: the clients' ends. */
  readonly open: () => readonly (readonly Socket[])[];
}

/**
 * Three CockroachDB nodes on loopback, on stores of their own. Each node reaches each other by a relay for the two (the address
 * that a node advertises depends on the locality of who asks), so that a node can be partitioned. One node is lost at a time.
 */
export class CockroachCluster implements AsyncDisposable {
  readonly #binary: string;
  readonly #dir: string;
  readonly #nodes: readonly Node[];
  /** `#between[a][b]`: from a to b. */
  readonly #between: readonly (readonly Relay[])[];
  readonly #doors: (readonly Relay[])[] = [];
  readonly #processes: CockroachProcess[] = [];
  #lost: { readonly node: number; readonly how: Loss; readonly gone: Promise<void> } | undefined;

  private constructor(binary: string, dir: string, nodes: readonly Node[], between: readonly Relay[][]) {
    this.#binary = binary;
    this.#dir = dir;
    this.#nodes = nodes;
    this.#between = between;
  }

  /** Starts three nodes, and waits until every range has three replicas. */
  static async start(binary: string): Promise<CockroachCluster> {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-cluster-'));
    const nodes: Node[] = [];
    for (const number of NODES) nodes.push({ number, port: (await freePlace(['127.0.0.1'])).port });
    const relays = nodes.map(() => nodes.map(({ port }) => Relay.start(() => port)));
    const between = await Promise.all(relays.map((row) => Promise.all(row)));
    const cluster = new CockroachCluster(binary, dir, nodes, between);
    try {
      await Promise.all(nodes.map((node) => cluster.#run(node)));
      await cluster.#initialize();
      await cluster.#tune();
      await cluster.whole();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The nodes themselves, by no relay: for what looks on. */
  get url(): string {
    return urlTo(this.#nodes.map(({ port }) => port));
  }

  async open(): Promise<Door> {
    const relays = await Promise.all(this.#nodes.map(({ port }) => Relay.start(() => port)));
    this.#doors.push(relays);
    if (this.#lost?.how === 'unreachable') relays[this.#lost.node]!.silent = true;
    return { url: urlTo(relays.map(({ port }) => port)), open: () => relays.map(({ open }) => open) };
  }

  /** Numbers of the nodes, from 0. */
  get nodes(): readonly number[] {
    return NODES;
  }

  /** A node is lost, or is coming back. */
  get isThin(): boolean {
    return this.#lost !== undefined;
  }

  /** Loses a node while the others are there. A node that drains has left when this resolves. */
  lose(node: number, how: Loss): Promise<void> {
    if (this.#lost) throw new Error(`node ${this.#lost.node} is lost already`);
    const gone = this.#lose(node, how);
    this.#lost = { node, how, gone };
    return gone;
  }

  async #lose(node: number, how: Loss): Promise<void> {
    const { process: server } = this.#nodes[node]!;
    if (how === 'partitioned' || how === 'unreachable') this.#cutOff(node, how, true);
    else if (how === 'stopped') process.kill(server!.pid, 'SIGSTOP');
    else {
      process.kill(server!.pid, how === 'killed' ? 'SIGKILL' : 'SIGTERM');
      await server!.ended;
    }
  }

  /** Brings the lost node back, and waits until the cluster is whole again. */
  async giveBack(): Promise<void> {
    if (!this.#lost) return;
    const { node, how, gone } = this.#lost;
    await gone;
    if (how === 'partitioned' || how === 'unreachable') this.#cutOff(node, how, false);
    else if (how === 'stopped') process.kill(this.#nodes[node]!.process!.pid, 'SIGCONT');
    else await this.#run(this.#nodes[node]!);
    await this.whole();
    this.#lost = undefined;
  }

  #cutOff(node: number, how: Loss, silent: boolean): void {
    for (const other of NODES) {
      if (other === node) continue;
      this.#between[node]![other]!.silent = silent;
      this.#between[other]![node]!.silent = silent;
    }
    if (how === 'unreachable') for (const relays of this.#doors) relays[node]!.silent = silent;
  }

  /** Waits until every node answers, lives and does not drain, and every range has three replicas. */
  async whole(): Promise<void> {
    const isWhole = async () =>
      (await Promise.all(this.#nodes.map((node) => this.#answers(node)))).every(Boolean) &&
      withAdmin(this.url, async (client) => {
        const { rows } = await client.query(`SELECT
          (SELECT count(*) FROM crdb_internal.gossip_liveness AS l JOIN crdb_internal.gossip_nodes AS n USING (node_id)
            WHERE n.is_live AND NOT l.draining) AS live,
          (SELECT count(*) FROM crdb_internal.ranges_no_leases WHERE array_length(replicas, 1) < 3) AS thin`);
        return Number(rows[0].live) === NODES.length && Number(rows[0].thin) === 0;
      }).catch(() => false);
    await waitFor(isWhole, {
      timeoutMs: START_MS,
      intervalMs: 500,
      what: 'three replicas of every range on three nodes',
    });
  }

  async #run(node: Node): Promise<void> {
    const others = NODES.filter((one) => one !== node.number);
    const at = (from: number, to: number) => `127.0.0.1:${this.#between[from]![to]!.port}`;
    const folder = join(this.#dir, `node${node.number}`);
    await mkdir(folder, { recursive: true });
    node.process = await spawnCockroach(
      this.#binary,
      [
        'start',
        '--insecure',
        `--store=${join(folder, 'store')}`,
        `--log-dir=${join(folder, 'logs')}`,
        '--cache=64MiB',
        '--max-sql-memory=128MiB',
        `--listen-addr=127.0.0.1:${node.port}`,
        '--http-addr=127.0.0.1:0',
        `--locality=node=n${node.number}`,
        `--advertise-addr=${at(node.number, node.number)}`,
        `--locality-advertise-addr=${others.map((other) => `node=n${other}@${at(other, node.number)}`)}`,
        `--join=${others.map((other) => at(node.number, other))}`,
      ],
      this.#dir,
    );
    this.#processes.push(node.process);
  }

  async #initialize(): Promise<void> {
    const first = this.#nodes[0]!;
    const args = ['init', '--insecure', `--host=127.0.0.1:${first.port}`];
    await waitFor(
      async () => {
        await promisify(execFile)(this.#binary, args, { timeout: 10_000 }).catch(() => {});
        return this.#answers(first);
      },
      { timeoutMs: START_MS, what: 'the first node to answer' },
    );
  }

  #answers({ port }: Node): Promise<boolean> {
    return withAdmin(urlTo([port]), (client) => client.query('SELECT 1')).then(
      () => true,
      () => false,
    );
  }

  async #tune(): Promise<void> {
    await withAdmin(this.url, async (client: pg.Client) => {
      await client.query('SET CLUSTER SETTING sql.stats.automatic_collection.enabled = false');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.stop()));
    await Promise.all([...this.#between, ...this.#doors].flat().map((relay) => relay[Symbol.asyncDispose]()));
    await rm(this.#dir, { recursive: true, force: true });
  }
}

const urlTo = (ports: readonly number[]) =>
  `postgresql://root@${ports.map((port) => `127.0.0.1:${port}`)}/defaultdb?sslmode=disable`;
