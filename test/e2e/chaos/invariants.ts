import type { Database } from '../../../src/index.ts';
import { rows } from '../../support/sql.ts';

/** Each gives the rows that break it. */
const INVARIANTS: Readonly<Record<string, string>> = {
  'tokens never fall along the order of commits: nothing of a holder is accepted after a take-over': `
    SELECT o.job_id, o.seq, o.token, p.token FROM observation o
    JOIN observation p ON p.job_id = o.job_id AND p.seq = o.seq + 1 WHERE p.token < o.token`,
  'every write carries the token of the session that started with it': `
    SELECT o.job_id, o.seq, o.token, o.session_id FROM observation o
    LEFT JOIN holdfast.work_history h ON h.target = o.job_id AND h.kind = 'chaos' AND h.token = o.token
      AND h.event = 'started' AND h.session_id = o.session_id
    WHERE h.target IS NULL`,
  'work ends at most once for each token': `
    SELECT target, token, count(*) FROM holdfast.work_history
    WHERE kind = 'chaos' AND event <> 'started' GROUP BY target, token HAVING count(*) > 1`,
  'every end has a start': `
    SELECT e.target, e.token FROM holdfast.work_history e
    LEFT JOIN holdfast.work_history s ON s.target = e.target AND s.kind = e.kind AND s.token = e.token
      AND s.event = 'started' AND s.session_id = e.session_id
    WHERE e.kind = 'chaos' AND e.event <> 'started' AND s.target IS NULL`,
  'tokens are handed out one by one': `
    SELECT target, max(token), count(*) FROM holdfast.work_history
    WHERE kind = 'chaos' AND event = 'started' GROUP BY target HAVING max(token) - min(token) + 1 <> count(*)`,
  'each finish is applied exactly once': `
    SELECT j.job_id, j.round, h.finished FROM job j
    LEFT JOIN (SELECT target, count(*) AS finished FROM holdfast.work_history
      WHERE kind = 'chaos' AND event = 'finished' GROUP BY target) h ON h.target = j.job_id
    WHERE j.round <> COALESCE(h.finished, 0)`,
  'each finish is observed exactly once': `
    SELECT j.job_id, j.round, o.finished FROM job j
    LEFT JOIN (SELECT job_id, count(*) AS finished FROM observation WHERE kind = 'finish' GROUP BY job_id) o
      ON o.job_id = j.job_id
    WHERE j.round <> COALESCE(o.finished, 0)`,
};

/** Only once the faults have stopped and the workers were drained. */
const AT_REST: Readonly<Record<string, string>> = {
  'no work is lost': 'SELECT job_id, round, wanted FROM job WHERE round <> wanted',
  'nothing is held': "SELECT kind, target, session_id FROM holdfast.active_work WHERE kind = 'chaos'",
};

/** The invariants that do not hold, with some of the rows that break them. */
export async function violations(db: Database, when: { readonly atRest: boolean }): Promise<string[]> {
  const broken: string[] = [];
  for (const [name, query] of Object.entries(when.atRest ? { ...INVARIANTS, ...AT_REST } : INVARIANTS)) {
    const found = await rows(db, query);
    if (found.length > 0) broken.push(`${name}: ${found.length}, e.g. ${JSON.stringify(found.slice(0, 3))}`);
  }
  return broken;
}
