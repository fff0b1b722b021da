/**
 * Loads what every component loads and ends: with NODE_COMPILE_CACHE set, the compiled code is then there for
 * two dozen processes, which come up in half the time.
 */
import '../../../src/cli/program.ts';
import '../cli/fleet.ts';
import '../src/index.ts';
