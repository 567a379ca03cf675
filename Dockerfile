FROM node:24-slim AS build
WORKDIR /signet
COPY package.json package-lock.json ./
COPY tsconfig.json tsconfig.build.json ./
COPY packages packages
COPY console console
RUN npm ci
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
WORKDIR /signet
ENV NODE_ENV=production
COPY --from=build /signet/package.json ./
COPY --from=build /signet/node_modules node_modules
COPY --from=build /signet/packages packages
COPY --from=build /signet/dist dist
USER node
EXPOSE 8700
CMD ["node", "--enable-source-maps", "dist/main.js"]
