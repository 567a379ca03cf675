#!/bin/sh
# build.sh [FOLDER]: builds FOLDER/signet-signing-VERSION.jar (FOLDER: build) with javac and jar of JDK 17 or newer, for Java 11. The same sources
# and JDK make the same bytes. The servlet filters are compiled against JAKARTA_SERVLET_API and JAVAX_SERVLET_API, by default Debian's
# libjakarta-servlet-api-java and libservlet-api-java.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/build}
jakarta=${JAKARTA_SERVLET_API:-/usr/share/java/jakarta-servlet-api.jar}
javax=${JAVAX_SERVLET_API:-/usr/share/java/servlet-api.jar}
for api in "$jakarta" "$javax"; do
  [ -f "$api" ] || { echo "build.sh: $api is missing: set JAKARTA_SERVLET_API and JAVAX_SERVLET_API" >&2; exit 1; }
done
version=$(sed -n 's|^  <version>\(.*\)</version>$|\1|p' "$here/pom.xml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$out" "$work/classes/META-INF" "$work/javax"
# The filter for javax is the one for jakarta with the other package.
for source in "$here"/src/servlet/java/signet/signing/jakarta/*.java; do
  sed 's/\bjakarta\b/javax/g' "$source" >"$work/javax/$(basename "$source")"
done
find "$here/src/main/java" "$here/src/servlet/java" "$work/javax" -name '*.java' | LC_ALL=C sort >"$work/sources"
# A compiler that runs once is sooner done without its own second compiler.
javac -J-XX:TieredStopAtLevel=1 --release 11 -encoding UTF-8 -g -Xlint:all -Werror -proc:none -cp "$jakarta:$javax" -d "$work/classes" "@$work/sources"
cp "$here/LICENSE" "$work/classes/META-INF/LICENSE"
printf 'Automatic-Module-Name: signet.signing\nImplementation-Title: signet-signing\nImplementation-Version: %s\n' "$version" >"$work/manifest"
jar --create --file "$out/signet-signing-$version.jar" --manifest "$work/manifest" --date 2026-01-01T00:00:00Z -C "$work/classes" .
