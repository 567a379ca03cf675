/** For the server that the JDK has, {@link com.sun.net.httpserver.HttpServer}. */
package signet.signing.httpserver;
