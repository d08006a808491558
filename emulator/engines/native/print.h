// Lets what the RTL prints reach board.cpp; included in front of every C++ file of the library.
#ifndef NAPI_HIL_PRINT_H
#define NAPI_HIL_PRINT_H

int board_printf(const char *format, ...);
#define VL_PRINTF board_printf
#define VL_USER_STOP
#define VL_USER_FATAL

#endif
