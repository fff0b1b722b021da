/** What the types of workflows allow and refuse: checked by `npm run typecheck` alone. */
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflows/index.ts';
import { defineUnit } from './support.ts';

export function types(): void {
  const unit = defineUnit('typed');
  defineWorkflow({
    name: 'w',
    version: 1,
    states: ['a'],
    // @ts-expect-error "b" is not a state
    transitions: { go: { from: null, to: 'b' } },
  });
  defineWorkflow({
    name: 'w',
    version: 1,
    states: ['a'],
    // @ts-expect-error "no" is not a transition
    transitions: { go: { from: null, to: 'a', error: 'no' } },
  });
  const typed = defineWorkflow({
    name: 'w',
    version: 1,
    states: ['a', 'b'],
    transitions: {
      go: { from: null, to: 'a', args: z.object({ n: z.number() }), alias: 'begin' },
      on: { from: 'a', to: 'b', signal: 'next' },
    },
    variables: z.object({ size: z.number() }),
  });
  const use = async (session: Parameters<typeof typed.hold>[0], db: Parameters<typeof typed.start>[0]) => {
    await typed.start(db, 't', { variables: { size: 1 } });
    // @ts-expect-error size is a number
    await typed.start(db, 't', { variables: { size: '1' } });
    await typed.signal(db, 't', 'next');
    // @ts-expect-error "nxt" is not a signal
    await typed.signal(db, 't', 'nxt');
    // @ts-expect-error "c" is not a state
    await typed.resolve(db, 't', { force: 'c' }, 'x');
    const instance = (await typed.hold(session, 't', {
      go: ({ args }) => ({ n: args.n.toFixed() }),
    }))!;
    // @ts-expect-error "of" is not a transition
    await typed.hold(session, 't', { of: () => {} });
    await instance.fire('go', { n: 1 }, { from: null });
    // @ts-expect-error n is a number
    await instance.fire('go', { n: '1' });
    // @ts-expect-error "og" is not a transition
    await instance.fire('og');
    await instance.fireAlias('begin');
    // @ts-expect-error "bgin" is not an alias
    await instance.fireAlias('bgin');
    // @ts-expect-error "c" is not a state
    await instance.transitionTo('c');
    const held = await unit.hold(session, 't');
    await held!.fireAlias('retry');
  };
  void use;
}
