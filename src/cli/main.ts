#!/usr/bin/env node
// The command line: `holdfast <command>`. One file a command beside this one; each exports `register`.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(`holdfast: this is Node ${process.versions.node}; install Node 22.22 or newer\n`);
  process.exitCode = 1;
} else {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  const { run } = await import('./program.ts');
  process.exitCode = await run(process.argv.slice(2));
}
