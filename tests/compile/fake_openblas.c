// SPDX-License-Identifier: Apache-2.0
// What the engine wants of OpenBLAS, without its speed.
void cblas_sgemm(int order, int transpose_a, int transpose_b, int rows, int columns, int depth,
                 float alpha, const float *a, int a_stride, const float *b, int b_stride,
                 float beta, float *c, int c_stride);
void cblas_sgemv(int order, int transpose, int rows, int columns, float alpha, const float *a,
                 int a_stride, const float *x, int x_step, float beta, float *y, int y_step);
void openblas_set_num_threads(int threads);
int openblas_get_parallel(void);
char *openblas_get_config(void);

void cblas_sgemm(int order, int transpose_a, int transpose_b, int rows, int columns, int depth,
                 float alpha, const float *a, int a_stride, const float *b, int b_stride,
                 float beta, float *c, int c_stride) {
  (void)order, (void)transpose_a, (void)transpose_b, (void)alpha, (void)beta;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) {
      float sum = 0;
      for (int k = 0; k < depth; k++) sum += a[i * a_stride + k] * b[j * b_stride + k];
      c[i * c_stride + j] = sum;
    }
}

void cblas_sgemv(int order, int transpose, int rows, int columns, float alpha, const float *a,
                 int a_stride, const float *x, int x_step, float beta, float *y, int y_step) {
  (void)order, (void)transpose, (void)alpha, (void)beta;
  for (int i = 0; i < rows; i++) {
    y[i * y_step] = 0;
    for (int k = 0; k < columns; k++) y[i * y_step] += a[i * a_stride + k] * x[k * x_step];
  }
}

void openblas_set_num_threads(int threads) {
  (void)threads;
}

int openblas_get_parallel(void) {
  return 1;
}

char *openblas_get_config(void) {
  static char text[] = "a fake";
  return text;
}
