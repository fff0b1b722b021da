import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('..', import.meta.url));

/** Installs what is measured beside Holdfast, where one of the packages is missing. */
export function installPeers(): void {
  const { dependencies } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  const isThere = (name: string) => {
    const file = `${folder}node_modules/${name}/package.json`;
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === dependencies[name];
  };
  if (!Object.keys(dependencies).every(isThere))
    execFileSync('npm', ['ci', '--prefer-offline'], { cwd: folder, stdio: 'inherit' });
}
