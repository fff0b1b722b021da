import { expect, test } from 'vitest';
import { MisuseError } from '../../src/index.ts';
import { defineWorkflow } from '../../src/workflows/index.ts';

const go = { from: null, to: 'a' } as const;
const define = (more: object) =>
  defineWorkflow({ name: 'w', version: 1, states: ['a', 'b'], transitions: { go }, ...more } as never);
const to = (state: string, more: object = {}) => ({ from: 'a', to: state, ...more });

test.each([
  [
    'an unknown state',
    { transitions: { go, on: to('c') } },
    'transitions.on: "c" is not a state; there are a, b',
  ],
  [
    'an unknown error transition',
    { transitions: { go: { ...go, error: 'no' }, on: to('b') } },
    'transitions.go: its error transition "no" is not a transition',
  ],
  [
    'an error transition from elsewhere',
    { transitions: { go: { ...go, error: 'on' }, on: to('b') } },
    'transitions.go: its error transition "on" does not leave the initial state',
  ],
  [
    'a transition that is its own error',
    { transitions: { go: { ...go, error: 'go' }, on: to('b') } },
    'transitions.go: is its own error transition',
  ],
  [
    'an unreachable state',
    { transitions: { go, back: { from: 'b', to: 'a' } } },
    'states: "b" is not reached by any transition',
  ],
  [
    'two automatic edges from one state',
    { transitions: { go, on: to('b', { automatic: true }), off: to('a', { automatic: true }) } },
    'transitions: "on" and "off" are both automatic from "a"',
  ],
  [
    'an automatic circle',
    { transitions: { go, on: to('b', { automatic: true }), back: { from: 'b', to: 'a', automatic: true } } },
    'transitions: automatic transitions go in a circle: a, b, a',
  ],
  [
    'an automatic circle of one',
    { states: ['a'], transitions: { go, again: to('a', { automatic: true }) } },
    'transitions: automatic transitions go in a circle: a, a',
  ],
  [
    'an ambiguous alias',
    { transitions: { go, on: to('b', { alias: 'x' }), off: to('a', { alias: 'x' }) } },
    'transitions: alias "x" is ambiguous: "on" and "off" from "a"',
  ],
  [
    'an ambiguous signal',
    { transitions: { go, on: to('b', { signal: 'x' }), off: to('a', { signal: 'x' }) } },
    'transitions: signal "x" is ambiguous: "on" and "off" from "a"',
  ],
  [
    'two triggers',
    { transitions: { go, on: to('b', { signal: 'x', after: { ms: 1 } }) } },
    'transitions.on: is one of automatic, after and signal, and no more',
  ],
  [
    'a timer kept elsewhere',
    { transitions: { go, on: to('b', { keepTimers: true }) } },
    'transitions.on: keepTimers is for a transition that ends in its own state',
  ],
  [
    'an unknown cancel',
    { transitions: { go, on: to('b') }, cancel: 'no' },
    'cancel: "no" is not a transition',
  ],
  ['a state twice', { states: ['a', 'a'] }, 'states: "a" is there twice'],
  [
    'an unknown property',
    { transitions: { go: { ...go, automtic: true }, on: to('b') } },
    'transitions.go.automtic: unknown option',
  ],
  [
    'a migration from a later version',
    { transitions: { go, on: to('b') }, migrate: { 2: () => ({}) } },
    'migrate.2: expected a function, and a version before 1',
  ],
])('%s is refused when it is defined, by name', (_, more, message) => {
  expect(() => define(more)).toThrow(MisuseError);
  expect(() => define(more)).toThrow(message);
});

test('describe draws the states and transitions, as Mermaid and as DOT', () => {
  const drawn = defineWorkflow({
    name: 'drawn',
    version: 1,
    states: ['in-stock', 'sold'],
    transitions: {
      arrive: { from: null, to: 'in-stock', automatic: true, error: 'lose' },
      lose: { from: null, to: 'sold', label: 'lost: "gone"' },
      sell: { from: 'in-stock', to: 'sold', signal: 'paid' },
      rot: { from: 'in-stock', to: 'sold', after: { ms: 1_000 } },
      stop: { from: 'in-stock', to: 'sold' },
    },
    cancel: 'stop',
  });
  expect(drawn.describe()).toMatchInlineSnapshot(`
    "stateDiagram-v2
      state "in-stock" as s0
      state "sold" as s1
      [*] --> s0: arrive (automatic)
      [*] --> s1: lost   gone 
      s0 --> s1: sell (signal paid)
      s0 --> s1: rot (after 1000 ms)
      s0 --> s1: stop (cancel)
      s1 --> [*]
    "
  `);
  expect(drawn.describe({ format: 'dot' })).toMatchInlineSnapshot(`
    "digraph "drawn" {
      "(initial)" [shape=point];
      "in-stock" [shape=ellipse];
      "sold" [shape=doublecircle];
      "(initial)" -> "in-stock" [label="arrive (automatic)"];
      "(initial)" -> "sold" [label="lost: \\"gone\\"", style=dashed];
      "in-stock" -> "sold" [label="sell (signal paid)"];
      "in-stock" -> "sold" [label="rot (after 1000 ms)"];
      "in-stock" -> "sold" [label="stop (cancel)"];
    }
    "
  `);
});
