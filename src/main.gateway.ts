// The data plane alone, for a container: what `signet gateway` runs. Loads no database package.
import { gateway } from './cli/gateway.js';

await gateway(process.env);
