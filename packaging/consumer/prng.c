/* bcryptprimitives.dll, which wine has since version 9: the one function that Rust's standard library needs of it. For tests only. */
#include <windows.h>

BOOLEAN WINAPI SystemFunction036(void *data, ULONG length); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(unsigned char *data, SIZE_T length) {
    return SystemFunction036(data, (ULONG)length);
}
