import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const LANGUAGES = ['TypeScript', 'Python', 'Go', 'Java', 'PHP'] as const;
type Language = (typeof LANGUAGES)[number];
/** A test: its file and its title, or the name of its function. */
export type Cited = readonly [file: string, title: string];

const VERIFY = 'packages/signing/src/verify.spec.ts';
const SERVICE = 'packages/signing/src/service.spec.ts';
const REPORT = 'test/signing/report-only.spec.ts';
const PACKAGE = 'test/signing/package.spec.ts';
const TS = 'test/languages/typescript.spec.ts';
const PYTHON = 'test/languages/python.spec.ts';
const PY_VERIFY = 'verifiers/python/tests/test_verify.py';
const PY_KEYS = 'verifiers/python/tests/test_service_keys.py';
const GO = 'test/languages/go.spec.ts';
const GO_VERIFY = 'verifiers/go/verifier_test.go';
const GO_HTTP = 'verifiers/go/middleware_test.go';
const GO_SERVICE = 'verifiers/go/service_test.go';
const PHP = 'test/languages/php.spec.ts';
const PHP_VERIFY = 'verifiers/php/tests/verifier_test.php';
const PHP_KEYS = 'verifiers/php/tests/service_keys_test.php';
const PHP_HTTP = 'verifiers/php/tests/middleware_test.php';
const JAVA = 'test/languages/java.spec.ts';
const JAVA_TESTS = 'verifiers/java/src/test/java/signet/signing';
const JAVA_VERIFY = `${JAVA_TESTS}/VerifierTest.java`;
const JAVA_KEYS = `${JAVA_TESTS}/ServiceKeysTest.java`;
const JAVA_HTTP = `${JAVA_TESTS}/FilterGuarantees.java`;
const MATRIX = 'test/languages/matrix.spec.ts';

/** What each verifier does, and the tests that show it. Several where one does not show all of it. A verifier whose row is missing does not do it. */
export const TABLE: Record<string, Partial<Record<Language, readonly Cited[]>>> = {
  'the sign types of the contract': {
    TypeScript: [[VERIFY, '%s has a generated key whose signature verifies, and the result shows whether it covers the body']],
    Python: [[PY_VERIFY, 'test_what_each_kind_signs_verifies_and_says_whether_the_body_is_covered']],
    Go: [[GO_VERIFY, 'TestEachKindOfKeyVerifiesWhatItSigned']],
    Java: [[JAVA, 'signs what the library accepts, with every kind of key']],
    PHP: [[MATRIX, 'with every type of key, both dialects and Ed25519, and refuses each of them with another body']],
  },
  'message signatures of RFC 9421': {
    TypeScript: [['test/signing/message-signatures.spec.ts', 'verifies without the private half, and says what is covered']],
    Python: [[PYTHON, 'gives the expected verdict and code for every vector']],
    Go: [[GO, 'have the expected verdict and code']],
    Java: [
      [JAVA, 'every vector has the verdict and the code that is expected'],
      [`${JAVA_TESTS}/MessageSignatureTest.java`, 'theVectorsOfRfc9421'],
    ],
    PHP: [
      [PHP, 'are judged as they have to be, with the same code'],
      [
        'verifiers/php/tests/message_signatures_test.php',
        'the vectors of RFC 9421: the signature base is the published one, and so is its signature',
      ],
    ],
  },
  'webhooks, both dialects': {
    TypeScript: [['test/signing/verdicts.spec.ts', 'for webhooks']],
    Python: [[PYTHON, 'verify each other’s webhooks in both dialects, with one key, with two keys, and with Ed25519']],
    Go: [
      [GO, 'signs and verifies webhooks like the library, in both dialects, with secrets and with Ed25519'],
      [GO_HTTP, 'TestWebhooksOfBothDialects'],
    ],
    Java: [
      [JAVA, 'accepts what the library signs, with every kind of key and secret, and refuses it with another body or key'],
      [JAVA_HTTP, 'aDeliveryIsVerified'],
    ],
    PHP: [['verifiers/php/tests/webhooks_test.php', 'deliveries are verified in both dialects, with secrets and Ed25519']],
  },
  'both secrets of a rotation': {
    TypeScript: [[VERIFY, 'accept both keys of a rotation, each with its own id']],
    Python: [[PY_VERIFY, 'test_both_keys_of_a_rotation_verify_under_their_own_names']],
    Go: [[GO_VERIFY, 'TestBothSecretsVerifyDuringARotation']],
    Java: [[JAVA_VERIFY, 'bothSecretsVerifyDuringARotation']],
    PHP: [[PHP_VERIFY, 'two keys with one id are both accepted, a key of digits is a key, and another type of key is none']],
  },
  'keys of the service: a deletion ends acceptance': {
    TypeScript: [[TS, 'accepts a key as soon as it is made, refuses it once it is deleted, and the receipt says so']],
    Python: [[PYTHON, 'accepts a key as soon as it is created, refuses it once it is deleted, and appears so in the receipt']],
    Go: [[GO, 'refuses a deleted key before the receipt reports it, and signs off when its process ends']],
    Java: [[JAVA, 'a deletion ends acceptance before the receipt says so, and the process leaves when it ends']],
    PHP: [[PHP, 'the next refresh ends acceptance of a deleted key before the receipt says so, and whoever stops the server leaves']],
  },
  'also for a request that waits': {
    TypeScript: [
      [VERIFY, 'a key that ends while the body arrives accepts nothing, and a new secret of its id accepts only what it has signed'],
    ],
    Python: [[PY_VERIFY, 'test_a_key_that_ends_while_the_body_arrives_is_refused']],
    Go: [[GO_SERVICE, 'TestAKeyThatEndsWhileTheBodyArrivesIsRefused']],
    Java: [[JAVA_KEYS, 'aKeyThatEndsWhileTheBodyArrivesIsRefused']],
    PHP: [[PHP_VERIFY, 'a key that ends while the body arrives, or while the replay store answers, is refused']],
  },
  'maximum age of keys': {
    TypeScript: [[SERVICE, 'does not use keys above their maximum age, by whichever clock']],
    Python: [[PY_KEYS, 'test_keys_above_their_age_are_not_used_by_whichever_clock']],
    Go: [[GO_SERVICE, 'TestTheAgeIsTheLargerOneByTwoClocks']],
    Java: [[JAVA_KEYS, 'theAgeIsTheLongerOneByTwoClocks']],
    PHP: [[PHP_KEYS, 'keys above their age are not used, by whichever clock, nor after another start of the machine']],
  },
  readiness: {
    TypeScript: [[SERVICE, 'fetches keys, shows each ETag that it holds, and follows every change']],
    Python: [[PY_KEYS, 'test_keys_come_change_and_go_each_with_its_etag_shown']],
    Go: [[GO_SERVICE, 'TestNothingIsAcceptedBeforeTheKeysAndAfterTheirAge']],
    Java: [[JAVA_KEYS, 'nothingIsAcceptedBeforeTheKeys']],
    PHP: [[PHP_KEYS, 'keys are fetched once for all processes, their ETag is shown at once, and changes arrive with the next refresh']],
  },
  'skew, also after the body': {
    TypeScript: [[VERIFY, 'a body that is held back until the replay store has forgotten the request is refused as too old']],
    Python: [
      [PY_VERIFY, 'test_skew_in_either_direction'],
      [PY_VERIFY, 'test_a_body_that_arrives_after_the_time_of_its_date_is_refused'],
    ],
    Go: [[GO_VERIFY, 'TestARequestThatBecomesTooOldWhileItsBodyArrivesIsRefused']],
    Java: [[JAVA_HTTP, 'aRequestThatBecomesTooOldWhileItsBodyArrivesIsRefused']],
    PHP: [[PHP_VERIFY, 'the date counts again once the body has arrived, and once the replay store has answered']],
  },
  'replay store': {
    TypeScript: [[VERIFY, 'accept a request once with a replay store, whatever the case of its signature']],
    Python: [[PY_VERIFY, 'test_a_request_is_accepted_once_with_a_replay_store']],
    Go: [[GO_VERIFY, 'TestARequestCountsOnceWithAReplayStore']],
    Java: [[JAVA_VERIFY, 'aRequestCountsOnceWithAReplayStoreHoweverItsSignatureIsWritten']],
    PHP: [[PHP_VERIFY, 'a request counts once, whatever the case of its signature']],
  },
  'limit of the body': {
    TypeScript: [[REPORT, 'answers 503 while there are no keys, 413 to a body beyond the limit, and counts both']],
    Python: [['verifiers/python/tests/adapters.py', 'test_a_body_above_the_limit_is_413']],
    Go: [[GO_HTTP, 'TestALongBodyIs413']],
    Java: [[JAVA_HTTP, 'aLongBodyIs413']],
    PHP: [[PHP_HTTP, 'a refused request gets 401, 413 or 503, and its handler nothing']],
  },
  'report-only mode': {
    TypeScript: [
      [REPORT, 'in report-only mode accepts every request with its body, counts it, and logs it without its query'],
      [TS, 'a process in report-only mode accepts everything, and no receipt says that it refuses'],
    ],
    Python: [[PYTHON, 'accepts everything in report-only mode, and no receipt claims that it refuses a key']],
    Go: [
      [GO_HTTP, 'TestReportOnlyPassesEverythingAndCountsAndLogs'],
      [GO, 'accepts a deleted key in report-only mode, and no receipt claims that it is refused'],
    ],
    Java: [
      [JAVA_HTTP, 'reportOnlyPassesEverythingOnAndCounts'],
      [JAVA, 'a process in report-only mode accepts a deleted key, and no receipt says that it refuses it'],
    ],
    PHP: [
      [PHP_HTTP, 'report-only mode passes everything on, whole, logs and counts it'],
      [PHP, 'report-only mode accepts a deleted key, and no receipt says that it refuses it'],
    ],
  },
  frameworks: {
    TypeScript: [['test/signing/middlewares.spec.ts', 'verifies the bytes of a JSON body as sent, and passes the body on']],
    Python: [[PYTHON, 'passes its own tests with every framework']],
    Go: [[GO_HTTP, 'TestTheHandlerSeesTheBodyThatWasVerified']],
    Java: [[JAVA, 'passes its own tests, its filters in Tomcat (jakarta), Jetty (javax) and the server of the JDK']],
    PHP: [[PHP_HTTP, 'the handler gets the verified body and the signature']],
  },
  'no dependency in the core': {
    TypeScript: [[PACKAGE, 'loads only its own files and modules of Node: %s']],
    Python: [[PYTHON, 'needs only the standard library for hmac, basic and webhooks with HMAC, and names what other keys need']],
    Go: [[GO, 'needs only the standard library']],
    Java: [[JAVA, 'has a core that needs the JDK alone, for Java 11, with its licence and the version of its pom']],
    PHP: [
      [PHP, 'has its classes and its licence, no tests, and no other package'],
      [PHP, 'says what keys of the type public_key need, and verifies all others'],
    ],
  },
  'verdict and code of every vector': {
    TypeScript: [['test/signing/verdicts.spec.ts', 'for gateway signatures, by verifySignature']],
    Python: [[PYTHON, 'gives the expected verdict and code for every vector']],
    Go: [
      [GO, 'have the expected verdict and code'],
      [GO, 'have the hints of the library, and the same information about what is covered'],
    ],
    Java: [
      [JAVA, 'every vector has the verdict and the code that is expected'],
      [JAVA, 'every vector has the hint of the library, and the same facts about what is covered'],
    ],
    PHP: [
      [PHP, 'are judged as they have to be, with the same code'],
      [PHP, 'have the hints of the library, and the same facts about what is covered'],
    ],
  },
  'verifies what each other language signs, and the other way round': {
    TypeScript: [[MATRIX, 'with every type of key, both dialects and Ed25519, and refuses each of them with another body']],
    Python: [
      [MATRIX, 'with every type of key, both dialects and Ed25519, and refuses each of them with another body'],
      [PYTHON, 'verify each other’s signatures, with each type of key, with and without the body'],
    ],
    Go: [
      [MATRIX, 'with every type of key, both dialects and Ed25519, and refuses each of them with another body'],
      [GO, 'signs what the library accepts, with every kind of key'],
      [GO, 'accepts what the library signs, with every kind of key, and refuses it with another body or key'],
    ],
    Java: [[MATRIX, 'with every type of key, both dialects and Ed25519, and refuses each of them with another body']],
    PHP: [[MATRIX, 'with every type of key, both dialects and Ed25519, and refuses each of them with another body']],
  },
  'its own tests, on its oldest versions': {
    TypeScript: [[PACKAGE, 'can be loaded by import and by require on %s']],
    Python: [[PYTHON, 'is written in the syntax of Python 3.9']],
    Go: [[GO, 'is formatted, passes go vet, and passes its own tests']],
    Java: [[JAVA, 'passes its own tests, its filters in Tomcat (jakarta), Jetty (javax) and the server of the JDK']],
    PHP: [[PHP, 'passes its own tests']],
  },
  'installed from its artefact': {
    TypeScript: [[PACKAGE, 'of %s contains its build, and no tests or build files']],
    Python: [[PYTHON, 'contains its modules, its marker for types and its licence, and no tests']],
    Go: [[GO, 'can be used from an empty module and in a unit test as its README says, and docs/verify.md has the same first program']],
    Java: [[JAVA, 'is used from an empty project as its README says, whose first program docs/verify.md has too']],
    PHP: [[PHP, 'has its classes and its licence, no tests, and no other package']],
  },
  'the ten lines above': {
    TypeScript: [[TS, 'its README begins with a program that answers signed requests only, and docs/verify.md has the same']],
    Python: [[PYTHON, 'has a README that begins with a program for signed requests only, which docs/verify.md also has']],
    Go: [[GO, 'can be used from an empty module and in a unit test as its README says, and docs/verify.md has the same first program']],
    Java: [[JAVA, 'is used from an empty project as its README says, whose first program docs/verify.md has too']],
    PHP: [[PHP, 'its README begins with a program that answers signed requests only, and docs/verify.md has the same']],
  },
  'a signer for your unit tests': {
    TypeScript: [[TS, 'is used in a unit test of a backend as its README says']],
    Python: [['verifiers/python/tests/test_readme.py', 'test_every_block_but_the_first_runs']],
    Go: [['verifiers/go/signettest/signettest_test.go', 'TestASignedRequestIsAcceptedByABackendWithTheKeyAndByNoOther']],
    Java: [[`${JAVA_TESTS}/TestSignerTest.java`, 'aSignedRequestIsAcceptedByABackendWithTheKeyAndByNoOther']],
    PHP: [
      [
        'verifiers/php/tests/readme_test.php',
        'every block of the README is PHP, its keys of a service have right options, and its test of a backend passes',
      ],
      ['verifiers/php/tests/test_signer_test.php', 'what a signer for tests signs is accepted by a backend with its key, and by no other'],
    ],
  },
};

const PAGE = 'docs/verify.md';
const BLOCK = /<!-- languages: written by npm run languages -->\n[^]*?<!-- \/languages -->/;

/** The page with the table of today. A link shows the name of its test. */
export function withTable(page: string): string {
  const cell = (cited: readonly Cited[] = []) =>
    cited.length === 0 ? '–' : cited.map(([file, title]) => `[✔](../${file} "${title}")`).join(' ');
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = [
    line(['', ...LANGUAGES]),
    line(['---', ...LANGUAGES.map(() => '---')]),
    ...Object.entries(TABLE).map(([what, cells]) => line([what, ...LANGUAGES.map((language) => cell(cells[language]))])),
  ];
  return page.replace(BLOCK, `<!-- languages: written by npm run languages -->\n${lines.join('\n')}\n<!-- /languages -->`);
}

if (process.argv[1] === resolve(import.meta.dirname, 'table.ts')) writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8')));
