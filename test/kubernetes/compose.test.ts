import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

test('the laptop has three nodes, every component, and what is seen of them, each of a named release', async () => {
  const { services, configs } = parse(await readFile('compose.yaml', 'utf8'), { merge: true });
  const components = [
    'provisioner',
    'initializer',
    'recoverer',
    'installer',
    'agent-api',
    'janitor',
    'console',
  ];
  const others = [
    'roach1',
    'roach2',
    'roach3',
    'initialize',
    'migrate',
    'collector',
    'prometheus',
    'grafana',
  ];
  expect(Object.keys(services).sort()).toEqual([...components, ...others].sort());
  for (const name of components) {
    expect(services[name].command.slice(-2)).toEqual(['fleet', name]);
    expect(services[name].depends_on.migrate.condition).toBe('service_completed_successfully');
    expect(Number.parseInt(services[name].stop_grace_period, 10) * 1000).toBeGreaterThan(
      Number(services[name].environment.HOLDFAST_FLEET_GRACE_MS),
    );
  }
  // Nobody gets in by a token that everybody knows.
  expect(configs['console-token'].content).toMatch(/^\$\{HOLDFAST_CONSOLE_TOKEN:\?/);
  expect(services.console.configs).toEqual([
    { source: 'console-token', target: services.console.environment.HOLDFAST_FLEET_TOKEN_FILE },
  ]);
  for (const name of components) expect(configs.prometheus.content).toContain(`- ${name}:9464`);
  for (const { image, ports = [] } of Object.values<{ image: string; ports?: string[] }>(services)) {
    expect(image).toMatch(/:(local|v?\d[\w.]*)$/);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});
