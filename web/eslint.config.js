import { readdirSync } from 'node:fs';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

// Includes go one way: app -> features -> components -> lib, and a feature
// never reaches into another one: what two need is a component.
const features = readdirSync(new URL('./src/features', import.meta.url));
const never = (group, message) => ({
  'no-restricted-imports': ['error', { patterns: [{ group, message }] }],
});

export default tseslint.config(
  { ignores: ['dist', 'src/lib/api/schema.d.ts'] },
  ...tseslint.configs.strict,
  jsxA11y.flatConfigs.recommended,
  reactHooks.configs.flat.recommended,
  {
    rules: {
      // Of the React compiler, which is not used here.
      'react-hooks/incompatible-library': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'Text never becomes markup.' },
        { property: 'outerHTML', message: 'Text never becomes markup.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]',
          message: 'Text never becomes markup.',
        },
      ],
    },
  },
  {
    files: ['src/lib/**'],
    rules: never(['@/app/*', '@/features/*', '@/components/*'], 'lib knows nothing above it'),
  },
  {
    files: ['src/components/**'],
    rules: never(['@/app/*', '@/features/*'], 'components know no feature'),
  },
  ...features.map((name) => ({
    files: [`src/features/${name}/**`],
    rules: never(
      ['@/app/*', '@/features/*', `!@/features/${name}`, '../../../features/*'],
      'features do not import each other, nor the app',
    ),
  })),
);
