import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** A virtual machine that lives for a second is sooner done without its second compiler and its threads. */
export const BRIEF = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

/** Runs a program, and throws what it wrote if it fails. @returns what it wrote to stdout */
export async function ran(program: string, ...args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

export const javac = (into: string, classpath: readonly string[], ...args: string[]) =>
  ran('javac', '-J-XX:TieredStopAtLevel=1', '-Xlint:all', '-Werror', '-proc:none', '-cp', classpath.join(':'), '-d', into, ...args);

/** The jar of `verifiers/java`, built into a folder, and the program of `test/languages/java`, which uses nothing but this jar. */
export class JavaProgram {
  private constructor(
    readonly jar: string,
    private readonly classes: string,
  ) {}

  static async build(folder: string): Promise<JavaProgram> {
    await ran(resolve('verifiers/java/build.sh'), join(folder, 'lib'));
    const built = readdirSync(join(folder, 'lib'));
    if (built.length !== 1 || !/^signet-signing-\d+\.\d+\.\d+\.jar$/.test(built[0]!)) throw new Error(`build.sh made ${built.join(', ')}`);
    const program = new JavaProgram(join(folder, 'lib', built[0]!), join(folder, 'classes'));
    await javac(program.classes, [program.jar], resolve('test/languages/java/signet/signing/Languages.java'));
    return program;
  }

  command(...args: string[]): string[] {
    return ['java', ...BRIEF, '-cp', `${this.jar}:${this.classes}`, 'signet.signing.Languages', ...args];
  }

  /** Vectors to judge and things to sign, in one process. @returns an answer for each */
  answers(items: readonly unknown[]): any[] {
    const [file = '', ...args] = this.command();
    const output = execFileSync(file, args, { input: JSON.stringify(items), encoding: 'utf8', maxBuffer: 1 << 26 });
    return JSON.parse(output) as unknown[];
  }
}
