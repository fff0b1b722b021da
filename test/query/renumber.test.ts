import { expect, test } from 'vitest';
import { renumbered } from '../../src/query/renumber.ts';

test('parameters are renumbered, and nothing that only looks like one', () => {
  expect(renumbered('SELECT $1::INT8,$2, $10 FROM t WHERE a=$1', 3)).toBe(
    'SELECT $4::INT8,$5, $13 FROM t WHERE a=$4',
  );
  expect(renumbered(`SELECT '$1', 'it''s $2', "a$3" FROM t -- $4\nWHERE a = $5`, 1)).toBe(
    `SELECT '$1', 'it''s $2', "a$3" FROM t -- $4\nWHERE a = $6`,
  );
});

test.each(["SELECT E'it\\'s $1'", 'SELECT $$it is $1$$', 'SELECT $a$ $1 $a$', 'SELECT /* $1 */ $1'])(
  'what it cannot read for sure it leaves alone: %s',
  (text) => {
    expect(renumbered(text, 1)).toBeUndefined();
  },
);
