import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import globals from 'globals'
import tseslint from 'typescript-eslint'

const tests = [
  '**/*.test.ts',
  '**/*.test-d.ts',
  '**/*.spec.ts',
  'e2e/**/*.ts',
  'middleboxes/**/*.ts',
  'webkit/**/*.ts',
  'test/**/*.ts',
  'src/testing/**/*.ts',
]

// Time and randomness come in through src/base/clock.ts, so that every wait in src can be tested without waiting.
const timers = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate']
const injected = 'Take it from the injected clock (src/base/clock.ts).'
const hosts = ['globalThis', 'window', 'self', 'global']
const impure = [
  ['Date', 'now'],
  ['performance', 'now'],
  ['Math', 'random'],
  ['crypto', 'randomUUID'],
  ['crypto', 'getRandomValues'],
  ['crypto', 'randomBytes'],
  ...hosts.flatMap((host) => [...timers, 'queueMicrotask'].map((name) => [host, name])),
]

export default defineConfig(
  globalIgnores(['dist/', 'dist-demo/', 'coverage/', 'test-results/', 'playwright-report/', 'api/']),
  js.configs.recommended,
  {
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-empty': ['error', { allowEmptyCatch: false }],
      'object-shorthand': 'error',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // An async method may have nothing to wait for and still owe its caller a promise.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // The contracts are written as methods, and the objects behind them are closures that need no `this`.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: tests,
    rules: {
      'no-console': 'error',
      'no-restricted-globals': ['error', ...[...timers, 'queueMicrotask'].map((name) => ({ name, message: injected }))],
      'no-restricted-properties': [
        'error',
        ...impure.map(([object, property]) => ({ object, property, message: injected })),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: injected },
        { selector: "CallExpression[callee.name='Date']", message: injected },
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
    },
  },
  {
    files: ['src/base/clock.ts', 'src/server/node-clock.ts', 'src/server/random.ts'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': 'off',
    },
  },
  {
    files: tests,
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A type test calls what it must not be able to call.
      '@typescript-eslint/no-unsafe-call': 'off',
    },
  },
)
