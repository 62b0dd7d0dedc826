import { defineConfig } from 'oxlint'

const tests = [
  '**/*.test.ts',
  '**/*.test-d.ts',
  '**/*.spec.ts',
  'e2e/**/*.ts',
  'middleboxes/**/*.ts',
  'webkit/**/*.ts',
  'src/testing/**/*.ts',
]

// Time and randomness come in through src/base/clock.ts, so that every wait in src can be tested without waiting.
const ambient =
  'setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask Date'.split(' ')
const injected = 'Take it from the injected clock (src/base/clock.ts).'
const hosts = ['globalThis', 'window', 'self', 'global']
const impure = [
  ['performance', 'now'],
  ['Math', 'random'],
  ['crypto', 'randomUUID'],
  ['crypto', 'getRandomValues'],
  ['crypto', 'randomBytes'],
  ...hosts.flatMap((host) => ambient.map((name) => [host, name])),
]
const pure = {
  'no-restricted-globals': ['error', ...ambient.map((name) => ({ name, message: injected }))],
  'no-restricted-properties': [
    'error',
    ...impure.map(([object, property]) => ({ object, property, message: injected })),
  ],
  'no-restricted-imports': [
    'error',
    {
      paths: [
        ...['node:timers', 'node:timers/promises', 'node:perf_hooks'].map((name) => ({ name, message: injected })),
        {
          name: 'node:crypto',
          importNames: ['default', 'randomUUID', 'randomBytes', 'randomInt', 'getRandomValues', 'webcrypto'],
          message: 'Randomness lives in src/base/clock.ts and src/server/random.ts.',
        },
      ],
    },
  ],
}

const all = (level, names) => Object.fromEntries(names.map((name) => [name, level]))
const errors = (names, plugin = '') =>
  all(
    'error',
    names.split(/\s+/).map((name) => plugin + name),
  )
const off = (...names) => all('off', names)

export default defineConfig({
  plugins: ['eslint', 'typescript'],
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  env: { builtin: true, es2022: true },
  ignorePatterns: ['dist/', 'dist-demo/', 'coverage/', 'test-results/', 'playwright-report/', 'api/'],
  categories: { correctness: 'error' },
  rules: {
    ...errors(
      'no-case-declarations no-fallthrough no-prototype-builtins no-redeclare no-regex-spaces no-undef no-unexpected-multiline no-unreachable no-var object-shorthand prefer-const preserve-caught-error',
    ),
    'typescript/require-array-sort-compare': 'off',
    // The contracts are written as methods, and the objects behind them are closures that need no `this`.
    'typescript/unbound-method': 'off',
    eqeqeq: ['error', 'always', { null: 'ignore' }],
    'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
    'no-empty': ['error', { allowEmptyCatch: false }],
    'no-unused-vars': [
      'error',
      { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all', ignoreRestSiblings: true },
    ],
  },
  overrides: [
    {
      files: ['**/*.{js,mjs,cjs}'],
      env: { browser: true, node: true },
      // These have no types to ask for.
      rules: off(
        'typescript/no-base-to-string',
        'typescript/no-misused-spread',
        'typescript/restrict-template-expressions',
      ),
    },
    { files: ['scripts/require-node.cjs'], rules: { 'no-var': 'off' } },
    {
      files: ['**/*.ts'],
      // What the names stand for: typescript-eslint's sets strictTypeChecked and stylisticTypeChecked, as far as oxlint knows them.
      rules: {
        // The compiler says these.
        ...off('no-redeclare', 'no-undef', 'no-unreachable'),
        ...errors('no-array-constructor no-unused-expressions no-useless-constructor prefer-rest-params prefer-spread'),
        ...errors(
          `adjacent-overload-signatures array-type await-thenable ban-tslint-comment class-literal-property-style
          consistent-generic-constructors consistent-indexed-object-style consistent-type-assertions dot-notation
          no-array-delete no-base-to-string no-confusing-non-null-assertion no-deprecated no-duplicate-enum-values
          no-duplicate-type-constituents no-dynamic-delete no-empty-object-type no-explicit-any
          no-extra-non-null-assertion no-extraneous-class no-floating-promises no-for-in-array no-generated-empty-object-type
          no-implied-eval no-import-type-side-effects no-inferrable-types no-invalid-void-type
          no-meaningless-void-operator no-misused-new no-misused-promises no-misused-spread no-mixed-enums
          no-namespace no-non-null-asserted-nullish-coalescing no-non-null-asserted-optional-chain
          no-non-null-assertion no-redundant-type-constituents no-require-imports no-this-alias
          no-unnecessary-boolean-literal-compare no-unnecessary-condition no-unnecessary-template-expression
          no-unnecessary-type-arguments no-unnecessary-type-assertion no-unnecessary-type-constraint
          no-unnecessary-type-conversion no-unnecessary-type-parameters no-unsafe-argument no-unsafe-assignment
          no-unsafe-call no-unsafe-declaration-merging no-unsafe-enum-comparison no-unsafe-function-type
          no-unsafe-member-access no-unsafe-return no-unsafe-unary-minus no-useless-default-assignment
          no-wrapper-object-types non-nullable-type-assertion-style only-throw-error prefer-as-const prefer-find
          prefer-for-of prefer-function-type prefer-includes prefer-literal-enum-member prefer-namespace-keyword
          prefer-nullish-coalescing prefer-optional-chain prefer-promise-reject-errors prefer-reduce-type-parameter
          prefer-regexp-exec prefer-return-this-type prefer-string-starts-ends-with related-getter-setter-pairs
          triple-slash-reference unified-signatures use-unknown-in-catch-callback-variable`,
          'typescript/',
        ),
        'typescript/ban-ts-comment': ['error', { minimumDescriptionLength: 10 }],
        'typescript/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
        'typescript/no-confusing-void-expression': [
          'error',
          { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
        ],
        'typescript/restrict-plus-operands': [
          'error',
          {
            allowAny: false,
            allowBoolean: false,
            allowNullish: false,
            allowNumberAndString: false,
            allowRegExp: false,
          },
        ],
        'typescript/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
        'typescript/return-await': ['error', 'error-handling-correctness-only'],
        'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      },
    },
    { files: ['src/**/*.ts'], rules: { 'no-console': 'error', ...pure } },
    {
      files: ['src/base/clock.ts', 'src/server/node-clock.ts', 'src/server/random.ts'],
      rules: off(...Object.keys(pure)),
    },
    {
      files: tests,
      rules: {
        ...off('no-console', ...Object.keys(pure)),
        'typescript/no-non-null-assertion': 'off',
        // A type test calls what it must not be able to call.
        'typescript/no-unsafe-call': 'off',
      },
    },
  ],
})
