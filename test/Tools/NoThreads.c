/* For LD_PRELOAD: no thread can be created, as where a limit is reached. */

#include <errno.h>
#include <pthread.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*body)(void *), void *argument) {
  (void)thread, (void)attr, (void)body, (void)argument;
  return EAGAIN;
}
