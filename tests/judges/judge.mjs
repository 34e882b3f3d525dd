// judge.mjs - independent validators over what tocsin rendered: one JSON line a finding.
//
// usage: node judge.mjs SCHEMAS KIND FILE...
// SCHEMAS: the folder of reference schemas; KIND: csaf csaf-2.1 cve openvex osv provider provider-2.1.
// Left out of csaf: 6.3.6 and 6.3.7 ask the network, 6.3.8 needs hunspell.
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(path.join(process.cwd(), 'package.json'))
const [schemas, kind, ...files] = process.argv.slice(2)
const read = f => JSON.parse(fs.readFileSync(f, 'utf8'))
const schema = f => read(path.join(schemas, f))
const tell = (file, level, test, at, message) =>
  console.log(JSON.stringify({ file, level, test, at, message }))

async function lib(name) {
  const dir = path.join(process.cwd(), 'node_modules/@secvisogram/csaf-validator-lib')
  return import(pathToFileURL(path.join(dir, name)))
}

async function csaf() {
  const validate = (await lib('validateStrict.js')).default
  const { csaf_2_0_strict } = await lib('schemaTests.js')
  const tests = [csaf_2_0_strict]
  for (const group of ['mandatoryTests.js', 'optionalTests.js', 'informativeTests.js']) {
    for (const t of Object.values(await lib(group))) {
      if (!/6_3_[678]$/.test(t.name)) tests.push(t)
    }
  }
  for (const file of files) {
    const result = await validate(tests, read(file))
    for (const t of result.tests) {
      for (const [level, list] of [['error', t.errors], ['warning', t.warnings], ['info', t.infos]]) {
        for (const x of list) tell(file, level, t.name, x.instancePath, x.message)
      }
    }
  }
}

function ajv(draft) {
  const Ajv = require(draft === 7 ? 'ajv' : 'ajv/dist/2020')
  const judge = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true, validateFormats: true, logger: false })
  const formats = require('ajv-formats')
  ;(formats.default ?? formats)(judge)
  return judge
}

// FIRST's schemas by the names that CSAF refers to them with.
function csafSchemas(judge, base) {
  judge.addMetaSchema(require('ajv/dist/refs/json-schema-draft-07.json'))
  for (const v of ['2.0', '3.0', '3.1', '4.0']) {
    const s = schema(`cvss/cvss-v${v}.json`)
    s.$id = `https://www.first.org/cvss/cvss-v${v}.json`
    delete s.id // the old name of $id
    if (!/draft-07/.test(s.$schema)) delete s.$schema
    judge.addSchema(s)
  }
  return schema(base)
}

function compiled() {
  if (kind === 'csaf-2.1' || kind === 'provider-2.1') {
    const judge = ajv(2020)
    const s = csafSchemas(judge, 'csaf-2.1/csaf.json')
    delete s.$schema // its own meta-schema adds annotations only
    judge.addSchema({ $id: 'https://certcc.github.io/SSVC/data/schema/v2/SelectionList_2_0_0.schema.json' })
    // Extensions are not used by tocsin; their schemas need the network.
    judge.addSchema({ $id: 'https://docs.oasis-open.org/csaf/csaf/v2.1/schema/extension-content.json' })
    if (kind === 'csaf-2.1') return judge.compile(s)
    judge.addSchema(s)
    const provider = schema('csaf-2.1/provider.json')
    delete provider.$schema
    return judge.compile(provider)
  }
  if (kind === 'cve') return ajv(7).compile(schema('cve/CVE_Record_Format_bundled.json'))
  if (kind === 'cna') return ajv(7).compile(schema('cve/CVE_Record_Format_bundled_cnaPublishedContainer.json'))
  if (kind === 'openvex') return ajv(2020).compile(schema('openvex/openvex_json_schema.json'))
  if (kind === 'osv') return ajv(2020).compile(schema('osv/osv-schema.json'))
  if (kind === 'provider') {
    const judge = ajv(2020)
    judge.addSchema(csafSchemas(judge, 'csaf-2.0/csaf_json_schema.json'))
    return judge.compile(schema('csaf-2.0/provider_json_schema.json'))
  }
  throw new Error(`no judge for ${kind}`)
}

if (kind === 'csaf') {
  await csaf()
} else {
  const valid = compiled()
  for (const file of files) {
    const value = read(file)
    const items = Array.isArray(value) && !kind.startsWith('provider') ? value : [value]
    for (const item of items) {
      const one = kind === 'cna' ? { cnaContainer: item.containers.cna } : item
      if (!valid(one)) {
        for (const e of valid.errors) tell(file, 'error', kind, e.instancePath, e.message)
      }
    }
  }
}
console.log(JSON.stringify({ judged: files.length }))
