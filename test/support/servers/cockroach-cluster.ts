import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { within } from '../../../src/base/index.ts';
import { freePlace } from '../../../src/database/embedded/port.ts';
import { withAdmin } from '../admin.ts';
import { waitFor } from '../wait-for.ts';
import { type CockroachProcess, spawnCockroach } from './cockroach-process.ts';
import { Relay } from './relay.ts';

const NODES = [0, 1, 2] as const;
/** Limits for what hangs; three nodes on a crowded host take their time. */
const START_MS = 240_000;
const ANSWER_MS = 5_000;

/**
 * How a node is lost, and comes back: its process dies; it stops, and its connections are silent; it is asked to leave (SIGTERM,
 * by which it drains); its connections to the other nodes are silent and clients still reach it; it is silent to everybody.
 */
export const LOSSES = ['killed', 'stopped', 'drained', 'partitioned', 'unreachable'] as const;
export type Loss = (typeof LOSSES)[number];

interface Node {
  readonly number: number;
  /** Another one each time that it starts: while it is down somebody may take the one that it had. */
  port: number | undefined;
  process: CockroachProcess | undefined;
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
  /** For what looks on: never silent. */
  readonly #front: readonly Relay[];
  readonly #processes: CockroachProcess[] = [];
  #lost: { readonly node: number; readonly how: Loss; readonly gone: Promise<void> } | undefined;

  private constructor(
    binary: string,
    dir: string,
    nodes: readonly Node[],
    relays: { readonly between: readonly Relay[][]; readonly front: readonly Relay[] },
  ) {
    this.#binary = binary;
    this.#dir = dir;
    this.#nodes = nodes;
    this.#between = relays.between;
    this.#front = relays.front;
  }

  /** Starts three nodes, and waits until every range has three replicas. */
  static async start(binary: string): Promise<CockroachCluster> {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-cluster-'));
    const nodes: Node[] = NODES.map((number) => ({ number, port: undefined, process: undefined }));
    const toEach = () => Promise.all(nodes.map((node) => Relay.start(() => node.port)));
    const between = await Promise.all(nodes.map(toEach));
    const cluster = new CockroachCluster(binary, dir, nodes, { between, front: await toEach() });
    try {
      await cluster.#runAll();
      await cluster.#initialize();
      await cluster.#tune();
      await cluster.whole();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** For what looks on. */
  get url(): string {
    return urlTo(this.#front);
  }

  async open(): Promise<Door> {
    const relays = await Promise.all(this.#nodes.map((node) => Relay.start(() => node.port)));
    this.#doors.push(relays);
    if (this.#lost?.how === 'unreachable') relays[this.#lost.node]!.silent = true;
    return { url: urlTo(relays), open: () => relays.map(({ open }) => open) };
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
    const { process: server } = this.#nodes[node]!;
    if (how === 'partitioned' || how === 'unreachable') this.#cutOff(node, how, false);
    else if (how === 'stopped' && server) process.kill(server.pid, 'SIGCONT');
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
    const isWhole = async () => {
      await this.#runAll();
      const answers = await Promise.all(this.#front.map((relay) => this.#answers(relay)));
      return answers.every(Boolean) && this.#isReplicated();
    };
    await waitFor(isWhole, {
      timeoutMs: START_MS,
      intervalMs: 500,
      what: 'three replicas of every range on three nodes',
    });
  }

  async #isReplicated(): Promise<boolean> {
    const asked = withAdmin(this.url, (client) =>
      client.query(`SELECT
        (SELECT count(*) FROM crdb_internal.gossip_liveness AS l JOIN crdb_internal.gossip_nodes AS n USING (node_id)
          WHERE n.is_live AND NOT l.draining) AS live,
        (SELECT count(*) FROM crdb_internal.ranges_no_leases WHERE array_length(replicas, 1) < 3) AS thin`),
    );
    const row = await asked.then(
      ({ rows }) => rows[0],
      () => undefined,
    );
    return Number(row?.live) === NODES.length && Number(row?.thin) === 0;
  }

  /** Starts every node that is down. */
  async #runAll(): Promise<void> {
    await Promise.all(this.#nodes.filter(({ process: server }) => !server).map((node) => this.#run(node)));
  }

  async #run(node: Node): Promise<void> {
    const others = NODES.filter((one) => one !== node.number);
    const at = (from: number, to: number) => `127.0.0.1:${this.#between[from]![to]!.port}`;
    const folder = join(this.#dir, `node${node.number}`);
    await mkdir(folder, { recursive: true });
    const { port } = await freePlace(['127.0.0.1']);
    const server = await spawnCockroach(
      this.#binary,
      [
        'start',
        '--insecure',
        `--store=${join(folder, 'store')}`,
        `--log-dir=${join(folder, 'logs')}`,
        '--cache=64MiB',
        '--max-sql-memory=128MiB',
        `--listen-addr=127.0.0.1:${port}`,
        '--http-addr=127.0.0.1:0',
        `--locality=node=n${node.number}`,
        `--advertise-addr=${at(node.number, node.number)}`,
        `--locality-advertise-addr=${others.map((other) => `node=n${other}@${at(other, node.number)}`)}`,
        `--join=${others.map((other) => at(node.number, other))}`,
      ],
      this.#dir,
    );
    this.#processes.push(server);
    node.port = port;
    node.process = server;
    void server.ended.then(() => {
      if (node.process === server) node.process = undefined;
    });
  }

  async #initialize(): Promise<void> {
    const first = this.#front[0]!;
    const args = ['init', '--insecure', `--host=127.0.0.1:${first.port}`];
    await waitFor(
      async () => {
        await promisify(execFile)(this.#binary, args, { timeout: 10_000 }).catch(() => {});
        return this.#answers(first);
      },
      { timeoutMs: START_MS, what: 'the first node to answer' },
    );
  }

  #answers(relay: Relay): Promise<boolean> {
    const asked = withAdmin(urlTo([relay]), (client) => client.query('SELECT 1'));
    const answers = asked.then(
      () => true,
      () => false,
    );
    return within(ANSWER_MS, answers, () => false);
  }

  async #tune(): Promise<void> {
    await withAdmin(this.url, async (client: pg.Client) => {
      await client.query('SET CLUSTER SETTING sql.stats.automatic_collection.enabled = false');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.stop()));
    await Promise.all(
      [...this.#between, ...this.#doors, this.#front].flat().map((relay) => relay[Symbol.asyncDispose]()),
    );
    await rm(this.#dir, { recursive: true, force: true });
  }
}

const urlTo = (relays: readonly Relay[]) =>
  `postgresql://root@${relays.map(({ port }) => `127.0.0.1:${port}`)}/defaultdb?sslmode=disable`;
