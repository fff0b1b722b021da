/** What a machine that is a Pod says in its log of the agent that it has started: a line for each. */

export interface AgentStart {
  readonly epoch: bigint;
  readonly publicKey: Uint8Array;
  /** The agent was started once and is gone, such as with its container: a higher epoch starts another one. */
  readonly hasEnded: boolean;
}

export const startLine = (epoch: bigint, publicKey: Uint8Array) =>
  JSON.stringify({ agentEpoch: String(epoch), publicKey: Buffer.from(publicKey).toString('base64') });

export const endedLine = (epoch: bigint) => JSON.stringify({ agentEpoch: String(epoch), ended: true });

/** The last that a log says of the agent of an epoch; undefined: nothing. */
export function parseStart(log: string, epoch: bigint): AgentStart | undefined {
  for (const line of log.split('\n').reverse()) {
    if (!line.includes('"agentEpoch"')) continue;
    let said: { readonly agentEpoch?: string; readonly publicKey?: string; readonly ended?: boolean };
    try {
      said = JSON.parse(line);
    } catch {
      continue;
    }
    if (said.agentEpoch !== String(epoch)) continue;
    const publicKey = new Uint8Array(Buffer.from(said.publicKey ?? '', 'base64'));
    if (said.ended || publicKey.length === 32) return { epoch, publicKey, hasEnded: said.ended === true };
  }
  return undefined;
}
