#!/usr/bin/env node
const MAJOR_MIN = 24;

// Before anything else is loaded: the SQLite driver does not explain itself on an older Node, it crashes.
if (Number(process.versions.node.split('.', 1)[0]) < MAJOR_MIN) {
  console.error(`Signet needs Node ${MAJOR_MIN} or newer; this is ${process.version}. In a checkout, use npm start or npm run signet.`);
  process.exit(1);
}

const { run } = await import('./cli/program.js');
await run(process.argv);
