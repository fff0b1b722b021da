import { invalidOption } from '../base/index.ts';
import { announce, announceAndNotify } from '../queries/topics.ts';
import type { Statement } from '../query/index.ts';

/** Rows of one topic. Two transactions that announce it at once wait for each other once in so many times. */
const SHARDS = 16;

/** Throws MisuseError. */
export function checkTopic(topic: string): string {
  if (typeof topic !== 'string' || topic === '' || topic.length > 200 || topic.includes('\0'))
    throw invalidOption('topic', 'expected a name of 1 to 200 characters, without a zero byte');
  return topic;
}

/** Announces topics: with the commit of the transaction that it is sent in. */
export function announcement(system: 'postgresql' | 'cockroachdb', topics: readonly string[]): Statement {
  const query = system === 'postgresql' ? announceAndNotify : announce;
  const shard = BigInt(Math.floor(Math.random() * SHARDS));
  return query.statement({ shard, topics: [...new Set(topics)] });
}
