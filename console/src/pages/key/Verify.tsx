import { Card, Flex, Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Code, Secondary } from '../../parts/text.tsx';

const LANGUAGES = ['TypeScript', 'Python', 'Go'] as const;
type Language = (typeof LANGUAGES)[number];

/** The programs of docs/verify.md for a type of key. Key and secret come from the environment, never from here. */
const programOf = (type: string, algorithm: string | undefined): Record<Language, string> => ({
  TypeScript: `import express from 'express';
import { signatureOf } from 'signet-signing';
import { expressVerifier } from 'signet-signing/express';

const app = express();
app.use(expressVerifier({ keys: [{ signType: '${type}'${algorithm ? `, signAlgorithm: '${algorithm}'` : ''}, signKey: process.env.SIGN_KEY!, signSecret: process.env.SIGN_SECRET! }] }));
app.all('/{*path}', (req, res) => {
  res.send(\`signed with \${signatureOf(req)?.keyId}\`);
});
app.listen(8080, '127.0.0.1');
`,
  Python: `import os
from wsgiref.simple_server import make_server
from signet_signing import Key, Verifier
from signet_signing.wsgi import SIGNATURE, SignatureMiddleware

def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [f"signed with {environ[SIGNATURE].key_id}".encode()]

verifier = Verifier([Key("${type}", os.environ["SIGN_KEY"], os.environ["SIGN_SECRET"]${algorithm ? `, sign_algorithm="${algorithm}"` : ''})])
make_server("127.0.0.1", 8080, SignatureMiddleware(app, verifier)).serve_forever()
`,
  Go: `package main

import (
	"fmt"
	"net/http"
	"os"

	signet "signet-signing"
)

func main() {
	verifier := signet.MustVerifier(signet.Options{Keys: []signet.Key{{Type: "${type}"${algorithm ? `, Algorithm: "${algorithm}"` : ''}, SignKey: os.Getenv("SIGN_KEY"), SignSecret: os.Getenv("SIGN_SECRET")}}})
	app := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "signed with ", signet.KeyIDOf(r)) }
	panic(http.ListenAndServe("127.0.0.1:8080", verifier.Wrap(http.HandlerFunc(app))))
}
`,
});

/** Code for the backend that verifies requests signed with this key. */
export function Verify({ type, algorithm }: { type: string; algorithm: string | undefined }) {
  const { t } = useTranslation();
  const [language, setLanguage] = useState<Language>('TypeScript');
  return (
    <Card>
      <Flex vertical gap="middle">
        <Secondary>{t('key.verifyText')}</Secondary>
        <Select<Language>
          aria-label={t('key.language')}
          value={language}
          style={{ maxWidth: 200 }}
          options={LANGUAGES.map((value) => ({ value, label: value }))}
          onChange={setLanguage}
        />
        <Code label={language} text={programOf(type, algorithm)[language]} />
      </Flex>
    </Card>
  );
}
