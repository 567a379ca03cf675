// The control plane alone, for a container: what `signet serve` runs.
import { serve } from './cli/serve.js';

await serve(process.env);
