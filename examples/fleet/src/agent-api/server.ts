/**
 * The HTTP API that agents talk to. Any number of replicas: what one has accepted (a nonce, a report) is in
 * the database and known to all.
 */
import type { IncomingHttpHeaders } from 'node:http';
import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { AmbiguousCommitError, type Database, type Executor } from '../../../../src/index.ts';
import { getAgentKey, recordHardwareReport, recordHeartbeat } from '../queries/agents.ts';
import { pendingInstallation, recordInstallation } from '../queries/installation.ts';
import { KnownAgents } from './known-agents.ts';
import { type HeartbeatRequest, type HeartbeatResponse, heartbeatRequest, type Refusal } from './protocol.ts';
import { type Signer, verifyRequest } from './signature.ts';

/** How much somebody may ask for: `most` within each `windowMs`. */
export interface Rate {
  readonly most: number;
  readonly windowMs: number;
}

export interface AgentApiOptions {
  /** How far an agent's clock may differ, in milliseconds; also how long a captured request could be used. */
  readonly signatureWindowMs?: number | undefined;
  /** How often a known agent may send. Default: 100 in two seconds. */
  readonly agentRate?: Rate | undefined;
  /** How often those may send from one address who are not known yet. Default: 500 in five seconds. */
  readonly strangerRate?: Rate | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

const BODY_LIMIT_BYTES = 1024 * 1024;
/** Beyond these, the one that asked longest ago is forgotten, as if it had never asked. */
const MOST_ASKERS = 20_000;
/** A request that is not there whole after this is cut off. */
const REQUEST_TIMEOUT_MS = 10_000;
const MOST_HEAD_BYTES = 16 * 1024;
/** A connection over which nothing goes for so long is closed. */
const IDLE_MS = 60_000;
/** So many requests in a row over one connection, and so many connections at once. */
const MOST_REQUESTS = 1_000;
const MOST_CONNECTIONS = 10_000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const STATUS: Readonly<Record<Refusal['error'], number>> = {
  missing: 401,
  malformed: 401,
  digest: 401,
  created: 401,
  signature: 401,
  'unknown-machine': 401,
  superseded: 401,
  replayed: 409,
  limited: 429,
  body: 400,
  unavailable: 503,
};

const MESSAGE: Readonly<Record<Refusal['error'], string>> = {
  missing: 'the request is not signed: Content-Digest, Signature-Input and Signature are needed',
  malformed: 'the signature is not of the form that is asked for',
  digest: 'Content-Digest is not that of the body',
  created: 'the signature is too old or too new: see Date for the time',
  signature: 'the signature does not fit the request',
  'unknown-machine': 'no agent is known on this machine, yet or any more',
  superseded: "another agent's key speaks for this machine",
  replayed: 'the nonce is not higher than the last one',
  limited: 'too many requests: wait a second',
  body: 'the body is not a heartbeat',
  unavailable: 'the database cannot be used at the moment',
};

/** Builds the server; the caller listens and closes. */
export function createAgentApi(db: Database, options: AgentApiOptions = {}): FastifyInstance {
  const windowMs = options.signatureWindowMs ?? 60_000;
  const agents = new KnownAgents();
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: IDLE_MS,
    maxRequestsPerSocket: MOST_REQUESTS,
    http: {
      maxHeaderSize: MOST_HEAD_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
    // What Fastify refuses before any route is chosen, in the protocol's words too.
    frameworkErrors: (error, _request, reply) => {
      (reply as FastifyReply)
        .code(error.statusCode ?? 400)
        .send({ error: 'body', message: error.message } satisfies Refusal);
    },
  });
  app.server.maxConnections = MOST_CONNECTIONS;
  // The signature is over the bytes as sent.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );

  const refuse = (reply: FastifyReply, error: Refusal['error'], message = MESSAGE[error]) =>
    reply.code(STATUS[error]).send({ error, message } satisfies Refusal);

  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'body', message: 'there is no such page' }),
  );
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    if (error.statusCode !== undefined && error.statusCode < 500)
      return reply.code(error.statusCode).send({ error: 'body', message: error.message } satisfies Refusal);
    options.onError?.(error);
    return refuse(reply, 'unavailable');
  });

  void app.register(async (scope) => {
    await scope.register(rateLimit, { global: false, cache: MOST_ASKERS });
    const agentOf = new WeakMap<FastifyRequest, string>();
    const limitAgents = scope.createRateLimit({
      ...limitsOf(options.agentRate ?? { most: 100, windowMs: 2_000 }),
      keyGenerator: (request) => agentOf.get(request)!,
    });
    // By address; of IPv6, by what one customer has.
    const limitStrangers = scope.createRateLimit(
      limitsOf(options.strangerRate ?? { most: 500, windowMs: 5_000 }),
    );
    scope.post<{ Params: { machineId: string } }>(
      '/v1/machines/:machineId/heartbeat',
      async (request, reply) => {
        const { machineId } = request.params;
        const body = typeof request.body === 'string' ? request.body : '';
        const signer = verifyRequest(
          { method: 'POST', path: request.url, body },
          request.headers as IncomingHttpHeaders & Record<string, string | string[] | undefined>,
          Date.now(),
          windowMs,
        );
        if (typeof signer === 'string') return refuse(reply, signer);
        if (!UUID.test(machineId)) return refuse(reply, 'unknown-machine');
        const agent = `${machineId} ${Buffer.from(signer.publicKey).toString('base64')}`;
        const lastNonce = agents.lastNonce(agent);
        agentOf.set(request, agent);
        const limit = await (lastNonce === undefined ? limitStrangers : limitAgents)(request);
        if (!limit.isAllowed && limit.isExceeded)
          return refuse(reply.header('retry-after', String(limit.ttlInSeconds)), 'limited');
        if (lastNonce !== undefined && signer.nonce <= lastNonce) return refuse(reply, 'replayed');
        const heartbeat = heartbeatRequest.safeParse(parseJson(body));
        if (!heartbeat.success) {
          const [issue] = heartbeat.error.issues;
          return refuse(reply, 'body', `${issue?.path.join('.') || 'body'}: ${issue?.message}`);
        }
        // Anybody can make a key: it costs no transaction to be told that it is no agent's.
        const fault = lastNonce === undefined ? await keyFault(db, machineId, signer) : undefined;
        if (fault !== undefined) return refuse(reply, fault);
        const answer = await accept(db, machineId, signer, heartbeat.data);
        if (typeof answer !== 'string') agents.accepted(agent, signer.nonce);
        else if (answer !== 'replayed') agents.forget(agent);
        return typeof answer === 'string' ? refuse(reply, answer) : reply.send(answer);
      },
    );
  });
  return app;
}

const limitsOf = ({ most, windowMs }: Rate) => ({ max: most, timeWindow: windowMs });

/** Why the key does not speak for the machine; undefined when it does. One read by primary key. */
async function keyFault(
  executor: Executor,
  machineId: string,
  { publicKey }: Signer,
): Promise<'unknown-machine' | 'superseded' | undefined> {
  const known = await getAgentKey(executor, { machineId });
  if (!known) return 'unknown-machine';
  return Buffer.from(known.agentPublicKey).equals(publicKey) ? undefined : 'superseded';
}

/** Files the heartbeat with its reports, all or nothing, and looks up what the agent has to do next. */
function accept(
  db: Database,
  machineId: string,
  { publicKey, nonce }: Signer,
  { hardware, installation }: HeartbeatRequest,
): Promise<HeartbeatResponse | Refusal['error']> {
  let again = false;
  return db.transact(
    async (tx, { lastError }) => {
      again ||= lastError instanceof AmbiguousCommitError;
      const accepted = await recordHeartbeat(tx, { machineId, agentPublicKey: publicKey, nonce, again });
      if (!accepted) return (await keyFault(tx, machineId, { publicKey, nonce })) ?? 'replayed';
      const [pending] = await Promise.all([
        installation ? undefined : pendingInstallation(tx, { machineId }),
        hardware && recordHardwareReport(tx, { machineId, report: hardware }),
        installation &&
          recordInstallation(tx, {
            machineId,
            generation: BigInt(installation.generation),
            result: installation.result,
            detail: installation.detail ?? null,
          }),
      ]);
      return pending
        ? { installation: { generation: Number(pending.generation), image: pending.osImage } }
        : {};
    },
    { name: 'AgentHeartbeat', idempotent: true },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
