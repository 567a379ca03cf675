#!/usr/bin/env node
const MAJOR_MIN = 24;

// Checked before any import, because the SQLite driver crashes on an older Node without a message.
if (Number(process.versions.node.split('.', 1)[0]) < MAJOR_MIN) {
  console.error(`Signet needs Node ${MAJOR_MIN} or newer; this is ${process.version}. In a checkout, use npm start or npm run signet.`);
  process.exit(1);
}

const { failOnLostOutput, run } = await import('./cli/program.js');
failOnLostOutput();
const code = await run(process.argv.slice(2));
// After an error, an open connection pool would keep the process alive; without one, a started service goes on.
if (code !== 0) process.exit(code);
