import { spawnSync } from 'node:child_process';

/**
 * Every file that a new process loads for one import, as reported by the module loader. @throws Error with the process's output when the
 * import fails
 */
export function loadedBy(specifier: string): { loaded: string[]; exports: string[] } {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    const door = await import(${JSON.stringify(specifier)});
    const required = Object.keys((await import('node:module')).default._cache);
    console.log(JSON.stringify({ loaded: [...loaded, ...required], exports: Object.keys(door) }));`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env: {} });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout) as { loaded: string[]; exports: string[] };
}
